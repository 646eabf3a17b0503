// Renders a Helm chart as `helm template` does, with the template engine and the function library that helm itself is made
// of, for machines that have no helm. It knows what this chart uses, not all that helm has, and fails at the rest.
//
//	render CHART-FOLDER RELEASE NAMESPACE <VALUES-AS-JSON
//
// Prints an object: the name of each template, and the text that it makes.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

// What a template sees as .Files: the chart's files that are no templates.
type files string

func (f files) Get(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(string(f), name))
	return string(text), err
}

func (f files) Lines(name string) ([]string, error) {
	text, err := f.Get(name)
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n"), err
}

func functions(all *template.Template) template.FuncMap {
	out := sprig.TxtFuncMap()
	delete(out, "env")
	delete(out, "expandenv")
	out["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	out["toJson"] = func(value interface{}) (string, error) {
		text, err := json.Marshal(value)
		return string(text), err
	}
	out["fail"] = func(text string) (string, error) { return "", errors.New(text) }
	out["include"] = func(name string, data interface{}) (string, error) {
		var text bytes.Buffer
		err := all.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	return out
}

func chart(folder string) map[string]interface{} {
	text, err := os.ReadFile(filepath.Join(folder, "Chart.yaml"))
	must(err)
	var read map[string]interface{}
	must(yaml.Unmarshal(text, &read))
	out := map[string]interface{}{}
	for name, value := range read {
		out[strings.ToUpper(name[:1])+name[1:]] = value
	}
	return out
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func main() {
	folder, release, namespace := os.Args[1], os.Args[2], os.Args[3]
	var values map[string]interface{}
	must(json.NewDecoder(os.Stdin).Decode(&values))

	all := template.New("chart").Option("missingkey=error")
	all.Funcs(functions(all))
	paths, err := filepath.Glob(filepath.Join(folder, "templates", "*"))
	must(err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(err)
		_, err = all.New(filepath.Base(path)).Parse(string(text))
		must(err)
	}
	out := map[string]string{}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var text bytes.Buffer
		must(all.ExecuteTemplate(&text, name, map[string]interface{}{
			"Values":   values,
			"Chart":    chart(folder),
			"Release":  map[string]interface{}{"Name": release, "Namespace": namespace, "Service": "Helm"},
			"Files":    files(folder),
			"Template": map[string]interface{}{"Name": name, "BasePath": ""},
		}))
		out[name] = text.String()
	}
	must(json.NewEncoder(os.Stdout).Encode(out))
}
