package cybertip_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

// One report with one file, from the draft to the receipt. The server here is
// the stand-in; a deployment uses [cybertip.TestURL] and then
// [cybertip.ProductionURL].
func Example() {
	server, err := ncmec.New(ncmec.Config{Username: "standin", Password: "standin"})
	if err != nil {
		fmt.Println(err)
		return
	}
	web := httptest.NewServer(server)
	defer web.Close()

	client, err := cybertip.New(cybertip.Config{BaseURL: web.URL + "/ispws", Username: "standin", Password: "standin"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := file(context.Background(), client); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(server.Reports()[0].State)
	// Output: finished
}

func file(ctx context.Context, c *cybertip.Client) error {
	r := &cybertip.Report{
		IncidentSummary: cybertip.IncidentSummary{
			IncidentType:     cybertip.IncidentMisleadingDomain,
			IncidentDateTime: cybertip.Time{Time: time.Now().Add(-time.Hour)},
		},
		Reporter: cybertip.Reporter{ReportingPerson: cybertip.Person{
			Email: []cybertip.Email{{Address: "reports@example.test"}},
		}},
	}
	if err := r.Validate(time.Now()); err != nil {
		return err
	}
	doc, err := cybertip.Marshal(r) // store these bytes before sending them
	if err != nil {
		return err
	}
	opened, err := c.Submit(ctx, doc)
	if err != nil {
		return err
	}
	// Store opened.ReportID and opened.Exchange before anything else.
	content := "example"
	up, err := c.Upload(ctx, opened.ReportID, "file.txt", strings.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	_, err = c.FileInfo(ctx, &cybertip.FileDetails{ReportID: opened.ReportID, FileID: up.FileID,
		FileRelevance: cybertip.SupplementalReported})
	if err != nil {
		return err
	}
	_, err = c.Finish(ctx, opened.ReportID)
	if class, ok := cybertip.Classify(err); ok && class == cybertip.Finished {
		return nil // an earlier finish had worked and its receipt was lost
	}
	if errors.Is(err, cybertip.ErrAmbiguous) {
		return fmt.Errorf("finish again later: %w", err)
	}
	return err
}
