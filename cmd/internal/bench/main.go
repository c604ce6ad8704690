// Command bench runs the project's benchmarks and prints each figure as one JSON object a line:
//
//	{"name":"fleet/redisstore/Commit/redis/fixes=30","value":151000,"unit":"fixes/s","ratio_to":{"yardstick":"raw pipelined writes","ratio":0.71}}
//
// The name is the package's and the benchmark's. A benchmark gives a ratio by a metric whose unit is "x/" and the yardstick's name with dashes for spaces, measured in the
// same run; ratio_to is null where there is none. What Go reports by itself (ns/op and the like) is printed only for
// benchmarks that report nothing else.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// figure is one line of output.
type figure struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	RatioTo *ratio  `json:"ratio_to"`
}

type ratio struct {
	Yardstick string  `json:"yardstick"`
	Ratio     float64 `json:"ratio"`
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run passes args to go test after the flags that make it run benchmarks only. Packages are run one after another: two at a
// time would measure each other.
func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{"./..."}
	}
	test := exec.Command("go", append([]string{"test", "-run", "^$", "-bench", ".", "-p", "1", "-timeout", "30m"}, args...)...)
	test.Stderr = os.Stderr
	stdout, err := test.StdoutPipe()
	if err != nil {
		return err
	}
	if err := test.Start(); err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	var failures []string
	lines := bufio.NewScanner(stdout)
	folder := "" // of the package whose benchmarks are under way
	for lines.Scan() {
		line := lines.Text()
		if path, ok := strings.CutPrefix(line, "pkg: dipper/"); ok {
			folder = path + "/"
		}
		if strings.HasPrefix(line, "--- FAIL") || strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "panic:") {
			failures = append(failures, line)
		}
		for _, f := range parse(line) {
			f.Name = folder + f.Name
			if err := encoder.Encode(f); err != nil {
				return err
			}
		}
	}
	if err := test.Wait(); err != nil {
		return fmt.Errorf("go test: %w %s", err, strings.Join(failures, "; "))
	}
	return lines.Err()
}

// cpuSuffix is what go test appends to a name: the number of processors.
var cpuSuffix = regexp.MustCompile(`-\d+$`)

// parse reads one line of go test's benchmark output: name, iterations, then pairs of value and unit.
func parse(line string) []figure {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return nil
	}
	if _, err := strconv.Atoi(fields[1]); err != nil {
		return nil
	}
	name := cpuSuffix.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
	var own, builtin []figure
	var ratios []ratio
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return nil
		}
		unit := fields[i+1]
		yardstick, isRatio := strings.CutPrefix(unit, "x/")
		switch {
		case isRatio:
			ratios = append(ratios, ratio{Yardstick: strings.ReplaceAll(yardstick, "-", " "), Ratio: value})
		case unit == "ns/op", unit == "B/op", unit == "allocs/op", unit == "MB/s":
			builtin = append(builtin, figure{Name: name, Value: value, Unit: unit})
		default:
			own = append(own, figure{Name: name, Value: value, Unit: unit})
		}
	}
	if len(own) == 0 {
		own = builtin
	}
	if len(own) > 0 && len(ratios) > 0 { // the ratio is of the rate; go test sorts figures by their unit
		rate := slices.IndexFunc(own, func(f figure) bool { return strings.HasSuffix(f.Unit, "/s") })
		own[max(rate, 0)].RatioTo = &ratios[0]
	}
	return own
}
