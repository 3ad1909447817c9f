package custody

import (
	"cmp"
	"time"
)

// The ontology that custody.jsonld is written in. The names of classes and
// properties are from public descriptions of CASE 1.4 and UCO 1.4 [S]; the file
// was never validated with case_validate, which was not to be had.
const ontology = "https://ontology.caseontology.org/case/case/1.4.0"

type thing map[string]any

// linked describes the chain of custody in the terms of CASE/UCO.
func (r *record) linked(chain chainFile) thing {
	id := func(s string) string { return "kb:" + s }
	ref := func(s string) thing { return thing{"@id": id(s)} }
	at := func(t time.Time) thing {
		return thing{"@type": "xsd:dateTime", "@value": t.UTC().Format("2006-01-02T15:04:05.000000Z")}
	}
	var graph []thing
	var objects []thing
	for _, e := range chain.Evidence {
		graph = append(graph, thing{"@id": id(e.ID), "@type": "uco-observable:ObservableObject", "uco-core:hasFacet": []thing{{
			"@id": id(e.ID + "-content"), "@type": "uco-observable:ContentDataFacet", "uco-observable:mimeType": e.MediaType,
			"uco-observable:sizeInBytes": thing{"@type": "xsd:integer", "@value": e.Size},
			"uco-observable:hash": []thing{{"@id": id(e.ID + "-hash"), "@type": "uco-types:Hash", "uco-types:hashMethod": thing{"@type": "uco-vocabulary:HashNameVocab", "@value": "SHA256"},
				"uco-types:hashValue": thing{"@type": "xsd:hexBinary", "@value": e.SHA256}}}}}})
		objects = append(objects, ref(e.ID))
	}
	seen := map[string]bool{}
	for _, row := range chain.Rows {
		if !seen[row.Actor.ID] {
			seen[row.Actor.ID] = true
			graph = append(graph, thing{"@id": id(row.Actor.ID), "@type": "uco-identity:Identity", "uco-core:name": cmp.Or(r.names[row.Actor.ID], row.Actor.Name)})
		}
		about := objects
		if row.Evidence != "" {
			about = []thing{ref(row.Evidence)}
		}
		action := thing{"@id": id(row.Entry), "@type": "case-investigation:InvestigativeAction", "uco-core:name": row.Action, "uco-action:startTime": at(row.At),
			"uco-action:endTime": at(row.At), "uco-action:performer": ref(row.Actor.ID)}
		if row.Detail != "" {
			action["uco-core:description"] = row.Detail
		}
		if len(about) > 0 {
			action["uco-action:object"] = about
		}
		graph = append(graph, action)
	}
	graph = append(graph, thing{"@id": id(r.c.ID + "-provenance"), "@type": "case-investigation:ProvenanceRecord", "uco-core:description": "Chain of custody of case " + r.c.ID,
		"case-investigation:exhibitNumber": r.c.ID, "uco-core:object": objects})
	return thing{"@context": thing{"kb": "urn:rowan:", "case-investigation": "https://ontology.caseontology.org/case/investigation/", "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
		"uco-action": "https://ontology.unifiedcyberontology.org/uco/action/", "uco-identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
		"uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/", "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
		"uco-vocabulary": "https://ontology.unifiedcyberontology.org/uco/vocabulary/", "xsd": "http://www.w3.org/2001/XMLSchema#"},
		"@id": id(r.c.ID + "-bundle"), "@type": "uco-core:Bundle", "uco-core:specVersion": "UCO 1.4.0, CASE 1.4.0 (" + ontology + ")",
		"uco-core:description": "Not validated with case_validate.", "uco-core:object": graph}
}
