package uplink_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"dipper/positioning/track"
	"dipper/receiver/uplink"
)

var update = flag.Bool("update", false, "write the hex of testdata/wire anew from the meaning")

// messageVector is one message of testdata/wire/messages.json. One of the pointers is set.
type messageVector struct {
	Name    string          `json:"name"`
	Hex     string          `json:"hex"`
	Hello   *uplink.Hello   `json:"hello,omitempty"`
	Welcome *uplink.Welcome `json:"welcome,omitempty"`
	Ack     *uplink.Ack     `json:"ack,omitempty"`
	Refusal *uplink.Refusal `json:"refusal,omitempty"`

	Report   *uplink.Report   `json:"report,omitempty"`
	Settings *uplink.Settings `json:"settings,omitempty"`
	Fences   *uplink.Fences   `json:"fences,omitempty"`
	Notice   *uplink.Notice   `json:"notice,omitempty"`
	Told     *uplink.Told     `json:"told,omitempty"`
	ToldAck  *uplink.ToldAck  `json:"told_ack,omitempty"`

	Batch *struct {
		Series track.Series
		First  track.Seq
		Count  int
	} `json:"batch,omitempty"`
}

func (v *messageVector) encode() (msg []byte, err error) {
	switch {
	case v.Hello != nil:
		msg = uplink.AppendHello(nil, *v.Hello)
	case v.Welcome != nil:
		msg = uplink.AppendWelcome(nil, *v.Welcome)
	case v.Ack != nil:
		msg = uplink.AppendAck(nil, *v.Ack)
	case v.Refusal != nil:
		msg = uplink.AppendRefusal(nil, *v.Refusal)
	case v.Report != nil:
		msg = uplink.AppendReport(nil, *v.Report)
	case v.Settings != nil:
		msg, err = uplink.AppendSettings(nil, *v.Settings)
	case v.Fences != nil:
		msg, err = uplink.AppendFences(nil, *v.Fences)
	case v.Notice != nil:
		msg = uplink.AppendNotice(nil, *v.Notice)
	case v.Told != nil:
		msg, err = uplink.AppendTold(nil, *v.Told)
	case v.ToldAck != nil:
		msg, err = uplink.AppendToldAck(nil, *v.ToldAck)
	}
	return msg, err
}

func TestMessageVectors(t *testing.T) {
	const path = "../../testdata/wire/messages.json"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		About   string           `json:"about"`
		Vectors []*messageVector `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			encoded, err := v.encode()
			if err != nil {
				t.Fatal(err)
			}
			if *update && v.Batch == nil {
				v.Hex = hex.EncodeToString(encoded)
			}
			msg, err := hex.DecodeString(v.Hex)
			if err != nil || len(msg) == 0 {
				t.Fatalf("hex %q: %v", v.Hex, err)
			}
			if v.Batch != nil {
				b, err := uplink.DecodeBatch(msg)
				if err != nil || b.Series != v.Batch.Series || b.First != v.Batch.First || len(b.Fixes) != v.Batch.Count {
					t.Fatalf("batch %+v, error %v", b, err)
				}
				return
			}
			if got := hex.EncodeToString(encoded); got != v.Hex {
				t.Fatalf("encoded %s, want %s", got, v.Hex)
			}
			got := messageVector{Name: v.Name, Hex: v.Hex}
			decode(t, msg, &got)
			if !reflect.DeepEqual(&got, v) {
				t.Fatalf("decoded %+v, want %+v", got, v)
			}
		})
	}
	if *update {
		data, err := json.MarshalIndent(file, "", "  ")
		if err == nil {
			err = os.WriteFile(path, append(data, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func decode(t *testing.T, msg []byte, v *messageVector) {
	t.Helper()
	var err error
	switch uplink.TypeOf(msg) {
	case uplink.TypeHello:
		v.Hello = new(uplink.Hello)
		*v.Hello, err = uplink.DecodeHello(msg)
	case uplink.TypeWelcome:
		v.Welcome = new(uplink.Welcome)
		*v.Welcome, err = uplink.DecodeWelcome(msg)
	case uplink.TypeAck:
		v.Ack = new(uplink.Ack)
		*v.Ack, err = uplink.DecodeAck(msg)
	case uplink.TypeRefusal:
		v.Refusal = new(uplink.Refusal)
		*v.Refusal, err = uplink.DecodeRefusal(msg)
	case uplink.TypeReport:
		v.Report = new(uplink.Report)
		*v.Report, err = uplink.DecodeReport(msg)
	case uplink.TypeSettings:
		v.Settings = new(uplink.Settings)
		*v.Settings, err = uplink.DecodeSettings(msg)
	case uplink.TypeFences:
		v.Fences = new(uplink.Fences)
		*v.Fences, err = uplink.DecodeFences(msg)
	case uplink.TypeNotice:
		v.Notice = new(uplink.Notice)
		*v.Notice, err = uplink.DecodeNotice(msg)
	case uplink.TypeTold:
		v.Told = new(uplink.Told)
		*v.Told, err = uplink.DecodeTold(msg)
	case uplink.TypeToldAck:
		v.ToldAck = new(uplink.ToldAck)
		*v.ToldAck, err = uplink.DecodeToldAck(msg)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	text := rapid.StringN(0, 60, 1024)
	rapid.Check(t, func(t *rapid.T) {
		newest := rapid.Uint64().Draw(t, "newest")
		h := uplink.Hello{
			Version: 1, Unit: text.Draw(t, "unit"), Series: track.Series(rapid.Uint32().Draw(t, "series")),
			Oldest: track.Seq(rapid.Uint64Range(0, newest).Draw(t, "oldest")), Newest: track.Seq(newest), Agent: text.Draw(t, "agent"),
		}
		if got, err := uplink.DecodeHello(uplink.AppendHello(nil, h)); err != nil || got != h {
			t.Fatalf("%+v came back as %+v, %v", h, got, err)
		}
		r := uplink.Refusal{Code: text.Draw(t, "code"), Field: text.Draw(t, "field"), Message: text.Draw(t, "message")}
		if got, err := uplink.DecodeRefusal(uplink.AppendRefusal(nil, r)); err != nil || got != r {
			t.Fatalf("%+v came back as %+v, %v", r, got, err)
		}
	})
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	long := strings.Repeat("青岛", 300)
	got, err := uplink.DecodeRefusal(uplink.AppendRefusal(nil, uplink.Refusal{Code: "x", Message: long}))
	if err != nil || !utf8.ValidString(got.Message) || !strings.HasPrefix(long, got.Message) || len(got.Message) < 1020 {
		t.Fatalf("%d bytes came back, error %v", len(got.Message), err)
	}
	if got, err := uplink.DecodeRefusal(uplink.AppendRefusal(nil, uplink.Refusal{Message: "bad \xff byte"})); err != nil || got.Message != "bad \uFFFD byte" {
		t.Fatalf("invalid UTF-8 came back as %q, error %v", got.Message, err)
	}
}

func TestBadMessagesAreNamed(t *testing.T) {
	hello := uplink.AppendHello(nil, uplink.Hello{Version: 1, Unit: "u", Series: 1, Oldest: 1, Newest: 2})
	for _, tc := range []struct {
		name, why string
		msg       []byte
	}{
		{"empty", "type is 0, want 1", nil},
		{"another type", "type is 4, want 1", []byte{4}},
		{"newer version", "version 2, want 1", []byte{1, 2, 0xff}},
		{"cut off", "agent: cut off", hello[:len(hello)-1]},
		{"too long a text", "unit: 2000 is above 1024", []byte{1, 1, 0xd0, 0x0f}},
		{"not UTF-8", "unit: not UTF-8", []byte{1, 1, 1, 0xff, 1, 1, 1, 0}},
		{"more behind it", "1 bytes behind the end", append(append([]byte(nil), hello...), 0)},
		{"oldest above newest", "oldest above newest", uplink.AppendHello(nil, uplink.Hello{Version: 1, Oldest: 3, Newest: 2})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := uplink.DecodeHello(tc.msg); !errors.Is(err, uplink.ErrMessage) || !strings.Contains(err.Error(), tc.why) {
				t.Fatalf("error %v, want %q", err, tc.why)
			}
		})
	}
	batch, err := uplink.AppendBatch(nil, track.Batch{Series: 1, First: 1, Fixes: fixesFrom(1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	batch[len(batch)-1] ^= 1
	if _, err := uplink.DecodeBatch(batch); !errors.Is(err, uplink.ErrMessage) || !errors.Is(err, track.ErrCorrupt) {
		t.Fatalf("damaged batch: %v", err)
	}
}

func FuzzDecodeMessages(f *testing.F) {
	batch, err := uplink.AppendBatch(nil, track.Batch{Series: 1, First: 1, Fixes: fixesFrom(1, 3)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(batch)
	f.Add(uplink.AppendHello(nil, uplink.Hello{Version: 1, Unit: unit, Series: 9, Oldest: 1, Newest: 5, Agent: "a"}))
	f.Add(uplink.AppendWelcome(nil, uplink.Welcome{Series: 9, Held: track.Ranges{{First: 1, Last: 5}, {First: 9, Last: 9}}}))
	f.Add(uplink.AppendAck(nil, uplink.Ack{Series: 9, Ranges: track.Ranges{{First: 1, Last: 5}}}))
	f.Add(uplink.AppendRefusal(nil, uplink.Refusal{Code: uplink.CodeBadKey, Field: "key", Message: "no"}))
	addSteering(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		same := func(err error, again func() bool) {
			if err != nil && !errors.Is(err, uplink.ErrMessage) {
				t.Fatalf("error %v does not wrap ErrMessage", err)
			}
			if err == nil && !again() {
				t.Fatal("encoded and decoded again it says something else")
			}
		}
		h, err := uplink.DecodeHello(data)
		same(err, func() bool { g, err := uplink.DecodeHello(uplink.AppendHello(nil, h)); return err == nil && g == h })
		w, err := uplink.DecodeWelcome(data)
		same(err, func() bool {
			g, err := uplink.DecodeWelcome(uplink.AppendWelcome(nil, w))
			return err == nil && reflect.DeepEqual(g, w)
		})
		a, err := uplink.DecodeAck(data)
		same(err, func() bool {
			g, err := uplink.DecodeAck(uplink.AppendAck(nil, a))
			return err == nil && reflect.DeepEqual(g, a)
		})
		r, err := uplink.DecodeRefusal(data)
		same(err, func() bool { g, err := uplink.DecodeRefusal(uplink.AppendRefusal(nil, r)); return err == nil && g == r })
		sameSteering(data, same)
		b, err := uplink.DecodeBatch(data)
		same(err, func() bool {
			msg, err := uplink.AppendBatch(nil, b)
			if err != nil {
				return false
			}
			g, err := uplink.DecodeBatch(msg)
			return err == nil && g.First == b.First && len(g.Fixes) == len(b.Fixes)
		})
	})
}
