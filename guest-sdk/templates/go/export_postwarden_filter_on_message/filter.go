// Package export_postwarden_filter_on_message refuses messages whose subject or text holds one of the words in the
// settings.
package export_postwarden_filter_on_message

import (
	"strings"

	setup "wit_component/export_postwarden_filter_setup"
	. "wit_component/postwarden_filter_on_message"
	"wit_component/postwarden_filter_types"

	witTypes "go.bytecodealliance.org/pkg/wit/types"
)

// Bytes of one part's text that are looked at.
const textBytesMax = 256 * 1024

// Check is asked about each message.
func Check(session *Session, transaction *Transaction, message *Message) witTypes.Result[Verdict, Failure] {
	defer session.Drop()
	defer transaction.Drop()
	defer message.Drop()
	for _, subject := range message.GetDecodedFields("Subject") {
		if word, found := wordIn(subject); found {
			return reject("contains " + word)
		}
	}
	for index := uint32(0); index < message.CountParts(); index++ {
		if word, found := wordInPart(message, index); found {
			return reject("contains " + word)
		}
	}
	return witTypes.Ok[Verdict, Failure](postwarden_filter_types.MakeVerdictPass())
}

func wordInPart(message *Message, index uint32) (string, bool) {
	found := message.GetPart(index)
	if found.IsNone() {
		return "", false
	}
	part := found.Some()
	defer part.Drop()
	chunk := part.ReadText(0, textBytesMax)
	if chunk.IsNone() {
		return "", false
	}
	return wordIn(chunk.Some().Text)
}

func wordIn(text string) (string, bool) {
	text = strings.ToLower(text)
	for _, word := range setup.Words {
		if strings.Contains(text, word) {
			return word, true
		}
	}
	return "", false
}

func reject(detail string) witTypes.Result[Verdict, Failure] {
	return witTypes.Ok[Verdict, Failure](postwarden_filter_types.MakeVerdictReject(postwarden_filter_types.Objection{
		Reason:    postwarden_filter_types.MakeReasonContent(),
		Detail:    witTypes.Some(detail),
		ReplyText: witTypes.None[string](),
	}))
}
