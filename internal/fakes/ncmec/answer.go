package ncmec

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strconv"
)

// banner begins every description.
const banner = "ROWAN STAND-IN, NOT NCMEC"

// answer is what a request comes to.
type answer struct {
	code        int
	description string
	reportID    int64
	fileID      string
	hash        string
	done        bool     // a reportDoneResponse
	files       []string // of done
}

func refuse(code int, why string) answer { return answer{code: code, description: why} }

// status is the HTTP status beside a.code. Unverified: the documentation names
// only 400 beside 4100.
func (a answer) status(as200 bool) int {
	switch {
	case a.code == 0 || as200:
		return http.StatusOK
	case a.code < 2000:
		return http.StatusInternalServerError
	case a.code < 3000:
		return http.StatusUnauthorized
	case a.code < 4000:
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

func (a answer) xml() []byte {
	var b bytes.Buffer
	leaf := func(name, value string) {
		b.WriteString("<" + name + ">")
		_ = xml.EscapeText(&b, []byte(value)) // a bytes.Buffer does not fail
		b.WriteString("</" + name + ">")
	}
	b.WriteString(xml.Header)
	if a.done && a.code == 0 {
		b.WriteString("<!-- " + banner + " --><reportDoneResponse>")
		leaf("responseCode", "0")
		leaf("reportId", strconv.FormatInt(a.reportID, 10))
		b.WriteString("<files>")
		for _, f := range a.files {
			leaf("fileId", f)
		}
		b.WriteString("</files></reportDoneResponse>\n")
		return b.Bytes()
	}
	b.WriteString("<reportResponse>")
	leaf("responseCode", strconv.Itoa(a.code))
	leaf("responseDescription", banner+": "+a.description)
	if a.reportID != 0 {
		leaf("reportId", strconv.FormatInt(a.reportID, 10))
	}
	if a.fileID != "" {
		leaf("fileId", a.fileID)
		leaf("hash", a.hash)
	}
	b.WriteString("</reportResponse>\n")
	return b.Bytes()
}

func writeXML(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
