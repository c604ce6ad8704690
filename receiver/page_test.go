package receiver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"dipper/geofence"
	"dipper/positioning"
	"dipper/receiver/uplink"
)

func serve(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	return serveRequest(h, http.MethodGet, path, "")
}

func serveRequest(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:8081"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The page is complete in itself: it works where there is no network.
func TestPageIsOffline(t *testing.T) {
	c := openCentre(t)
	a, err := New(config(t, c, parse(t, "/dev/ttyUSB0", SourceOptions{})))
	if err != nil {
		t.Fatal(err)
	}
	h := a.Handler()
	size, all := 0, ""
	for name, contentType := range pageTypes {
		path := "/" + name
		if name == "index.html" {
			path = "/"
		}
		got := serve(t, h, path)
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != contentType || !strings.Contains(got.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d, %v", path, got.Code, got.Header())
		}
		size += got.Body.Len()
		all += got.Body.String()
	}
	if out := regexp.MustCompile(`(?i)(src|href|url|import|fetch)\s*[=(]?\s*["'(]*(https?:)?//`).FindString(all); out != "" {
		t.Errorf("the page reaches outside: %s", out)
	}
	if other := serve(t, h, "/favicon.ico"); other.Code != http.StatusNotFound {
		t.Errorf("/favicon.ico: %d", other.Code)
	}
	if size > 40_000 {
		t.Errorf("the page has %d bytes, want at most 40 kB", size)
	}
}

func pageFile(t *testing.T, name string) string {
	t.Helper()
	text, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Another site that is open in the same browser cannot say that the driver has read.
func TestOnlyThePageReads(t *testing.T) {
	c := openCentre(t)
	a, err := New(config(t, c, parse(t, "/dev/ttyUSB0", SourceOptions{})))
	if err != nil {
		t.Fatal(err)
	}
	for site, want := range map[string]int{"cross-site": http.StatusForbidden, "same-origin": http.StatusConflict} { // there is no notice
		r := httptest.NewRequest(http.MethodPost, "/notice/read", strings.NewReader("n1"))
		r.Host = "127.0.0.1:8081"
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", site, w.Code, want)
		}
	}
	if long := serveRequest(a.Handler(), http.MethodPost, "/notice/read", strings.Repeat("n", 1000)); long.Code != http.StatusBadRequest {
		t.Errorf("a long id: %d", long.Code)
	}
}

// A site whose name resolves to the agent's address sees nothing of where the vehicle is.
func TestPageForItsOwnHostOnly(t *testing.T) {
	c := openCentre(t)
	cfg := config(t, c, parse(t, "/dev/ttyUSB0", SourceOptions{}))
	cfg.Status = "cab.local:8081"
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:8081": 200, "127.0.0.1": 200, "[::1]:8081": 200, "192.168.1.7:80": 200, "localhost:8081": 200, "LocalHost": 200, "cab.local:8081": 200, "Cab.local": 200,
		"rebound.example:8081": 403, "localhost.example": 403, "127.0.0.1.example": 403, "cab.local.example": 403, "": 403,
	} {
		for _, path := range []string{"/", "/status", "/metrics"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%q %s: %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

// Chinese and English say the same things.
func TestPageTexts(t *testing.T) {
	keys := func(language string) map[string]bool {
		_, rest, ok := strings.Cut(pageFile(t, "words.js"), "\n  "+language+": {")
		body, _, end := strings.Cut(rest, "\n  },")
		if !ok || !end {
			t.Fatalf("no texts in %s", language)
		}
		m := map[string]bool{}
		for _, k := range regexp.MustCompile(`[ ,](\w+): "[^"]*"[,\n]?`).FindAllStringSubmatch(body, -1) {
			m[k[1]] = true
		}
		return m
	}
	en, zh := keys("en"), keys("zh")
	for k := range en {
		if !zh[k] {
			t.Errorf("%s is not in Chinese", k)
		}
	}
	if len(en) < 30 || len(zh) != len(en) {
		t.Errorf("%d texts in English, %d in Chinese", len(en), len(zh))
	}
	scripts := pageFile(t, "page.js") + pageFile(t, "sky.js") + pageFile(t, "index.html")
	named := regexp.MustCompile(`^(why_|antenna)|^(enter|exit|overspeed|dwell|gate|yard|berth|anchorage|corridor|zone|ahead|behind)$`) // by the status
	for k := range en {
		if !named.MatchString(k) && !regexp.MustCompile(`\bt\.`+k+`\b|data-text="`+k+`"`).MatchString(scripts) {
			t.Errorf("nothing shows %s", k)
		}
	}
	for _, k := range regexp.MustCompile(`data-text="(\w+)"`).FindAllStringSubmatch(pageFile(t, "index.html"), -1) {
		if !en[k[1]] {
			t.Errorf("the page has %s, for which there is no text", k[1])
		}
	}
}

// Whatever the status can name has words.
func TestPageNamesAll(t *testing.T) {
	text := pageFile(t, "words.js")
	var names []string
	for v := positioning.Verdict(1); v.String() != positioning.Verdict(255).String(); v++ {
		names = append(names, "why_"+v.String())
	}
	for _, k := range []geofence.Kind{geofence.Gate, geofence.Yard, geofence.Berth, geofence.Anchorage, geofence.Corridor, geofence.Zone} {
		names = append(names, string(k))
	}
	for _, k := range []geofence.EventKind{geofence.Enter, geofence.Exit, geofence.Dwell, geofence.Overspeed} {
		names = append(names, string(k))
	}
	for c := range positioning.NumConstellations {
		if !strings.Contains(text, c.String()+": [") {
			t.Errorf("no words for %s", c)
		}
	}
	for _, n := range names {
		if strings.Count(text, n+": \"") != 2 {
			t.Errorf("no words for %s in both languages", n)
		}
	}
}

// A real browser shows what the agent knows. Without one on this machine the test is skipped.
func TestPageInABrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium: apt-get install chromium")
	}
	c := openCentre(t)
	m := plug(t)
	cfg := config(t, c, parse(t, m.path(), SourceOptions{Baud: 9600}))
	cfg.Status = freeAddress(t)
	w := work(t, cfg)
	gate := circle(t, "gate-3", placeOf(0), 500)
	gate.Kind, gate.SpeedLimitMps = geofence.Gate, 57.6/3.6 // whoever keeps to 58 is too fast
	fences := []geofence.Fence{gate}
	for i := range 5 {
		far := circle(t, fmt.Sprintf("far-%d", i), along(placeOf(0), 90, float64(2000+100*i)), 100)
		far.SpeedLimitMps = 60.0 / 3.6
		fences = append(fences, far)
	}
	c.order(fencesMessage(t, 1, placeOf(0), fences...))
	c.order(uplink.AppendNotice(nil, uplink.Notice{ID: "n1", At: time.Now(), Text: "Use gate 5"}))
	eventually(t, "what the centre says", func() bool { return w.Status().Notice != nil && c.report().FencesVersion == 1 })
	m.say([]byte(sentence("GBGSV,1,1,02,21,45,120,42,22,30,080,38,1") + epochs(0, 3)))
	eventually(t, "all to be acknowledged", func() bool { return c.count() == 3 && w.Status().Spool.Unacked == 0 })

	for language, want := range map[string][]string{
		"en": {">truck-7<", ">北斗 BeiDou<", ">0 of 2 in use · ⌀ 40", ">● Connected<", ">36.06683, 120.38250<", ">All sent<", ">Gate · inside", ">57<", ">limit here<", ">60<", ">+2 more<", ">Use gate 5<", ">I have read it<", `lang="en"`},
		"zh": {">北斗 BeiDou<", ">使用 0 / 可见 2 · ⌀ 40", ">● 已连接<", ">已全部发送<", ">闸口 · ", ">另有 2 个<", ">我已阅读<", `lang="zh-CN"`},
	} {
		dump := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--lang="+language,
			"--accept-lang="+language, "--user-data-dir="+t.TempDir(), "--virtual-time-budget=3000", "--dump-dom", "http://"+cfg.Status+"/")
		dom, err := dump.Output()
		if err != nil {
			t.Fatalf("chromium: %v", err)
		}
		for _, s := range want {
			if !strings.Contains(string(dom), s) {
				t.Errorf("in %s the page lacks %s", language, s)
			}
		}
		if t.Failed() {
			status, _ := json.Marshal(w.Status())
			t.Logf("%s\n%s", status, dom)
			break
		}
	}
	w.end(t)
}
