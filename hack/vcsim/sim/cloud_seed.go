package sim

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vmware/govmomi/object"
	"sigs.k8s.io/yaml"
)

const guestInfo = "guestinfo."

// redacted is what cloud-init writes in the place of a key that was read and shall not be kept. It stands for nothing.
const redacted = "---"

// seed is what cloud-init finds in guestinfo: see "VMware" among the datasources in cloud-init's documentation. Where cloud-init
// goes on with a warning, such as about data that is not compressed and says so, a seed cannot be read: a controller must not
// send it.
type seed struct {
	instance string
	hostname string
	keys     []string
	redact   []string
	network  network // nil asks for addresses by DHCP
	userData string
}

// readSeed reads guestinfo, or returns nil if there is nothing for cloud-init. Without an instance-id, the BIOS UUID is that.
func readSeed(options object.OptionValueList, uuid string) (*seed, error) {
	meta, err := guestData(options, "metadata")
	if err != nil {
		return nil, err
	}
	user, err := guestData(options, "userdata")
	if err != nil {
		return nil, err
	}
	if meta == "" && user == "" {
		return nil, nil
	}
	var data metadata
	if err := yaml.Unmarshal([]byte(meta), &data); err != nil {
		return nil, fmt.Errorf("guestinfo.metadata: %w", err)
	}
	out, err := data.seed()
	if err != nil {
		return nil, fmt.Errorf("guestinfo.metadata: %w", err)
	}
	out.userData = user
	if out.instance == "" {
		out.instance = strings.ToLower(uuid)
	}
	return out, nil
}

// guestData is a guestinfo key, decoded as its encoding says: gzip and base64, base64, or as it is.
func guestData(options object.OptionValueList, key string) (string, error) {
	text, _ := options.GetString(guestInfo + key)
	if text = strings.TrimRight(text, " \t\r\n"); text == "" || text == redacted {
		return "", nil
	}
	encoding, _ := options.GetString(guestInfo + key + ".encoding")
	text, err := decodeGuestData(text, strings.TrimSpace(encoding))
	if err != nil {
		return "", fmt.Errorf("%s%s: %w", guestInfo, key, err)
	}
	return text, nil
}

func decodeGuestData(text, encoding string) (string, error) {
	data := []byte(text)
	var err error
	switch encoding {
	case "gzip+base64", "gz+b64":
		if data, err = base64.StdEncoding.DecodeString(text); err == nil {
			data, err = unzip(data)
		}
	case "base64", "b64":
		data, err = base64.StdEncoding.DecodeString(text)
	}
	if err == nil && !utf8.Valid(data) {
		err = errors.New("it is no UTF-8")
	}
	return string(data), err
}

func unzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// metadata is those keys of guestinfo.metadata that cloud-init itself reads. All others are for user data that is a template.
type metadata struct {
	Instance        any             `json:"instance-id"`
	Hostname        any             `json:"local-hostname"`
	Network         json.RawMessage `json:"network"`
	NetworkEncoding string          `json:"network.encoding"`
	Redact          any             `json:"redact"`
	Keys            any             `json:"public-keys"`
	OtherKeys       any             `json:"public_keys"`
}

func (m metadata) seed() (out *seed, err error) {
	out = new(seed)
	if out.instance, err = identity(m.Instance); err != nil {
		return nil, err
	}
	if out.hostname, err = hostname(m.Hostname); err != nil {
		return nil, err
	}
	if m.Keys == nil {
		m.Keys = m.OtherKeys
	}
	if out.keys, err = lines(m.Keys); err != nil {
		return nil, fmt.Errorf("public-keys: %w", err)
	}
	if out.redact, err = lines(m.Redact); err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	if out.network, err = readNetwork(m.Network, m.NetworkEncoding); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return out, nil
}

// identity is an instance-id, which may be a number.
func identity(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("instance-id: %v is no text", value)
}

// dnsName is a name of labels of RFC 1123.
var dnsName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)

// hostname is a local-hostname. What consists of digits alone has to be quoted: cloud-init cannot split a number.
func hostname(value any) (string, error) {
	text, ok := value.(string)
	if value != nil && (!ok || len(text) > 253 || !dnsName.MatchString(text)) {
		return "", fmt.Errorf("local-hostname: %v is no name of a host", value)
	}
	return text, nil
}

// lines is a list of texts that may be one text with a line for each.
func lines(value any) (out []string, err error) {
	switch value := value.(type) {
	case nil:
	case string:
		out = strings.Split(strings.TrimSpace(value), "\n")
	case []any:
		for _, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%v is no text", item)
			}
			out = append(out, text)
		}
	default:
		return nil, fmt.Errorf("%v is no list", value)
	}
	return out, nil
}
