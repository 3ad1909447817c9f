package api

import (
	"net/http"
	"strings"
)

// consolePolicy is what the console's pages may do: their own files and the API
// they come from, nothing inline and nothing from elsewhere.
const consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"font-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; " +
	"require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

func (a *API) consoleRoutes() {
	if a.Console == nil {
		return
	}
	files := http.StripPrefix("/console/", http.FileServerFS(a.Console))
	a.mux.HandleFunc("GET /console/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", consolePolicy)
		if strings.HasPrefix(r.URL.Path, "/console/assets/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable") // named by their content
		}
		r.URL.RawQuery = "" // a redirect of the file server's would repeat it
		files.ServeHTTP(w, r)
	})
	a.mux.Handle("GET /{$}", http.RedirectHandler("/console/", http.StatusSeeOther))
}
