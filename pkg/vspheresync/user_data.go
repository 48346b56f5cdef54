package vspheresync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

const (
	// userDataRetry is when to look again for user data that could not be read. Nobody may watch Secrets.
	userDataRetry = 30 * time.Second
	// userDataSeenFor is how long it holds for clones that their user data could be read. What the guest is told is read again.
	userDataSeenFor = 30 * time.Second
	// maxSecret is more than the API server lets a Secret be, as JSON.
	maxSecret = 4 << 20
)

// UserDataReader reads a key of a Secret. It fails with a *vsphere.Error of ClassInvalid if it is not there or may not be read.
type UserDataReader interface {
	Read(ctx context.Context, namespace, name, key string) (vsphere.Secret, error)
}

// SecretReader reads Secrets by get, each time anew, and keeps nothing. The answer is taken as a stream: the client logs the bodies of
// all others at high verbosity.
type SecretReader struct{ Client rest.Interface } // of the core group

// Read implements UserDataReader.
func (r SecretReader) Read(ctx context.Context, namespace, name, key string) (vsphere.Secret, error) {
	body, err := r.Client.Get().Namespace(namespace).Resource("secrets").Name(name).SetHeader("Accept", "application/json").Stream(ctx)
	switch {
	case apierrors.IsNotFound(err):
		return vsphere.Secret{}, noUserData(v1alpha1.ReasonUserDataNotFound,
			"The Secret %q with the user data is not in namespace %s: create it, or correct spec.guest.cloudInit.userDataSecretRef.", name, namespace)
	case apierrors.IsForbidden(err):
		return vsphere.Secret{}, noUserData(v1alpha1.ReasonUserDataForbidden,
			"The controller may not get secrets in namespace %s, and the user data are in the Secret %q: grant it by a Role, as artifacts/examples/user-data-role.yaml does.", namespace, name)
	case err != nil:
		return vsphere.Secret{}, fmt.Errorf("read Secret %s/%s: %w", namespace, name, err)
	}
	var secret corev1.Secret
	raw, err := io.ReadAll(io.LimitReader(body, maxSecret))
	if err = errors.Join(err, body.Close()); err != nil {
		return vsphere.Secret{}, fmt.Errorf("read Secret %s/%s: %w", namespace, name, err)
	}
	if json.Unmarshal(raw, &secret) != nil { // its error may show a part of it
		return vsphere.Secret{}, fmt.Errorf("read Secret %s/%s: the API server's answer is no Secret", namespace, name)
	}
	data, ok := secret.Data[key]
	if !ok {
		return vsphere.Secret{}, noUserData(v1alpha1.ReasonUserDataNotFound,
			"The Secret %q has no key %q: add the user data under that key, or correct spec.guest.cloudInit.userDataSecretRef.key.", name, key)
	}
	return vsphere.NewSecret(data), nil
}

func noUserData(reason, format string, args ...any) error {
	return &vsphere.Error{Class: vsphere.ClassInvalid, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

type secretKey struct{ name, key string }

// readUserData returns requests with the user data that guests are to be told, each Secret read once. Requests whose user data
// cannot be read are left out, clones too: a VM that cannot be finished is not begun. The error says why.
func (s *Syncer) readUserData(ctx context.Context, in plan.Input, requests []vsphere.Request) ([]vsphere.Request, error) {
	m := s.remember(in.Group.UID)
	read, failed := map[secretKey]vsphere.Secret{}, map[secretKey]error{}
	out, errs := make([]vsphere.Request, 0, len(requests)), []error(nil)
	for _, r := range requests {
		key := userDataOf(r)
		_, known := read[key]
		seen := r.Kind.Makes() && s.cfg.Clock.Since(m.userData[key]) < userDataSeenFor
		if key != (secretKey{}) && !known && !seen && failed[key] == nil {
			secret, err := s.cfg.UserData.Read(ctx, in.Group.Namespace, key.name, key.key)
			if err != nil {
				failed[key] = err
				errs = append(errs, err)
			} else {
				read[key] = secret
				m.sawUserData(key, s.cfg.Clock.Now())
			}
		}
		if failed[key] != nil {
			continue
		}
		if r.Guest != nil && key != (secretKey{}) {
			guest := *r.Guest // the plan's own stays as it is
			guest.UserData = read[key]
			r.Guest = &guest
		}
		out = append(out, r)
	}
	return out, errors.Join(errs...)
}

// userDataOf returns the Secret with the user data of the VM that a request is about, empty if it needs none.
func userDataOf(r vsphere.Request) secretKey {
	switch {
	case r.Clone != nil:
		return secretKey{r.Clone.Guest.Secret, r.Clone.Guest.Key}
	case r.Guest != nil:
		return secretKey{r.Guest.Secret, r.Guest.Key}
	default:
		return secretKey{}
	}
}

func (m *memory) sawUserData(key secretKey, at time.Time) {
	if m.userData == nil {
		m.userData = map[secretKey]time.Time{}
	}
	m.userData[key] = at
}
