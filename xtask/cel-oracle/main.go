// Asks the CEL environment of Kubernetes: expressions as JSON on standard input, answers on standard output.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	kubejson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

type questions struct {
	Object      json.RawMessage `json:"object"`
	Expressions []string        `json:"expressions"`
}

type answer struct {
	Expression string `json:"expression"`
	Compile    string `json:"compile,omitempty"`
	Plan       string `json:"plan,omitempty"`
	Type       string `json:"type,omitempty"`
	Error      string `json:"error,omitempty"`
	Value      any    `json:"value,omitempty"`
}

func show(value ref.Val) any {
	switch value := value.(type) {
	case types.Null:
		return []any{"null", nil}
	case types.Bool:
		return []any{"bool", bool(value)}
	case types.Int:
		return []any{"int", fmt.Sprint(int64(value))}
	case types.Uint:
		return []any{"uint", fmt.Sprint(uint64(value))}
	case types.Double:
		return []any{"double", fmt.Sprint(float64(value))}
	case types.String:
		return []any{"string", string(value)}
	case types.Bytes:
		numbers := []int{}
		for _, one := range []byte(value) {
			numbers = append(numbers, int(one))
		}
		return []any{"bytes", numbers}
	case types.Timestamp:
		return []any{"timestamp", value.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")}
	case types.Duration:
		return []any{"duration", fmt.Sprint(value.Duration.Nanoseconds())}
	case *types.Optional:
		if value.HasValue() {
			return []any{"optional", show(value.GetValue())}
		}
		return []any{"optional", nil}
	case *types.Type:
		return []any{"type", value.TypeName()}
	case traits.Lister:
		list := []any{}
		for at := value.Iterator(); at.HasNext() == types.True; {
			list = append(list, show(at.Next()))
		}
		return []any{"list", list}
	case traits.Mapper:
		list := []any{}
		for at := value.Iterator(); at.HasNext() == types.True; {
			key := at.Next()
			list = append(list, []any{show(key), show(value.Get(key))})
		}
		return []any{"map", list}
	}
	return []any{"opaque", value.Type().TypeName()}
}

// The first line of a message, for people: only that there is one is compared.
func short(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	if letters := []rune(line); len(letters) > 80 {
		return string(letters[:80])
	}
	return line
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	var asked questions
	// Kubernetes' own reading of JSON: whole numbers are integers.
	if err := kubejson.Unmarshal(text, &asked); err != nil {
		panic(err)
	}
	var object any
	if err := kubejson.Unmarshal(asked.Object, &object); err != nil {
		panic(err)
	}
	set, err := environment.MustBaseEnvSet(version.MajorMinor(1, 36)).Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions: []cel.EnvOption{
			cel.Variable("object", cel.DynType),
			cel.Variable("authorizer", library.AuthorizerType),
			cel.Variable("authorizer.requestResource", library.ResourceCheckType),
		},
	})
	if err != nil {
		panic(err)
	}
	env := set.NewExpressionsEnv()
	answers := []answer{}
	for _, expression := range asked.Expressions {
		one := answer{Expression: expression}
		ast, issues := env.Compile(expression)
		if issues != nil && issues.Err() != nil {
			one.Compile = short(issues.Errors()[0].Message)
			answers = append(answers, one)
			continue
		}
		one.Type = cel.FormatCELType(ast.OutputType())
		program, err := env.Program(ast)
		if err != nil {
			one.Plan = short(err.Error())
			answers = append(answers, one)
			continue
		}
		value, _, err := program.Eval(map[string]any{"object": object})
		if err != nil {
			one.Error = short(err.Error())
		} else {
			one.Value = show(value)
		}
		answers = append(answers, one)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for _, one := range answers {
		if err := encoder.Encode(one); err != nil {
			panic(err)
		}
	}
}
