// Package export_postwarden_filter_setup reads the settings. A build writes the packages it imports.
package export_postwarden_filter_setup

import (
	"encoding/json"
	"strings"

	. "wit_component/postwarden_filter_setup"

	witTypes "go.bytecodealliance.org/pkg/wit/types"
)

// Words to refuse, in lower case.
var Words []string

// Configure runs once, when the filter is loaded.
func Configure(settings string) witTypes.Result[witTypes.Unit, []Problem] {
	var given struct{ Words []string }
	if err := json.Unmarshal([]byte(settings), &given); err != nil {
		return refuse("", err.Error())
	}
	if len(given.Words) == 0 {
		return refuse("/words", "name at least one word")
	}
	for _, word := range given.Words {
		Words = append(Words, strings.ToLower(word))
	}
	return witTypes.Ok[witTypes.Unit, []Problem](witTypes.Unit{})
}

func refuse(path, message string) witTypes.Result[witTypes.Unit, []Problem] {
	return witTypes.Err[witTypes.Unit, []Problem]([]Problem{{Path: path, Message: message}})
}
