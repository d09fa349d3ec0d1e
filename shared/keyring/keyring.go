// Package keyring keeps personal data unreadable outside the functions that must read it.
//
//	KMS key ──wraps──▶ brand key ──wraps──▶ data key (one per profile, attempt or subscription) ──encrypts──▶ field
//	KMS key ──wraps──▶ stack secret ──HKDF──▶ one key per purpose (idempotency keys and fingerprints, look-up of SSNs)
//
// Every wrap and every field is AES-256-GCM bound to its place: ciphertext that is moved to another customer, brand or
// field cannot be opened. Destroying a wrapped data key erases what it encrypts.
package keyring

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"kyc/shared/cache"
	"kyc/shared/kyc"
)

const (
	keyBytes = 32 // AES-256

	// brandKeyTTL bounds how long an unwrapped key stays in memory, and so how long a revoked KMS permission still works.
	brandKeyTTL  = 5 * time.Minute
	maxBrandKeys = 1000

	// format is the first byte of every ciphertext: nonce and AES-256-GCM follow.
	format = 1
)

// Wrapped is where the wrapped keys are kept.
type Wrapped interface {
	// BrandKey returns a wrapped key of the brand and its version; version 0 asks for the newest.
	BrandKey(ctx context.Context, brandID string, version int) ([]byte, int, error)
	// StackSecret returns the stack's secret, the zero one where there is none yet.
	StackSecret(ctx context.Context) (kyc.StackSecret, error)
	// PutStackSecret stores the first secret if there is none, and returns the one that is stored now.
	PutStackSecret(ctx context.Context, wrapped []byte) ([]byte, error)
}

// Keyring seals and opens. It is safe for concurrent use.
type Keyring struct {
	kms     *kms.Client
	keyARN  string
	wrapped Wrapped
	newest  *cache.Cache[string, int] // version of a brand's key
	brands  *cache.Cache[brandKeyID, []byte]
	stack   *cache.Cache[struct{}, stackSecret]
}

type brandKeyID struct {
	brandID string
	version int
}

// stackSecret is the stack's secret, unwrapped.
type stackSecret struct {
	state        kyc.StackSecret
	secret, next []byte // next is nil where none takes its place
}

// New returns a keyring under the KMS key keyARN. Its caches run on the clock now.
func New(cfg aws.Config, keyARN string, wrapped Wrapped, now func() time.Time) *Keyring {
	return &Keyring{
		kms: kms.NewFromConfig(cfg), keyARN: keyARN, wrapped: wrapped,
		newest: cache.New[string, int](brandKeyTTL, maxBrandKeys, now),
		brands: cache.New[brandKeyID, []byte](brandKeyTTL, maxBrandKeys, now),
		stack:  cache.New[struct{}, stackSecret](kyc.SecretRemembered, 1, now),
	}
}

func brandContext(brandID string) map[string]string {
	return map[string]string{"purpose": "brand-key", "brand_id": brandID}
}

func stackContext() map[string]string { return map[string]string{"purpose": "stack-secret"} }

// NewBrandKey makes a key of a brand and returns it wrapped. What it is to be the first key of, or the next version, is for
// who stores it.
func (k *Keyring) NewBrandKey(ctx context.Context, brandID string) ([]byte, error) {
	return k.generate(ctx, brandContext(brandID))
}

// NewStackSecret makes a secret of the stack and returns it wrapped.
func (k *Keyring) NewStackSecret(ctx context.Context) ([]byte, error) {
	return k.generate(ctx, stackContext())
}

// EnsureStackSecret makes the stack's secret if there is none yet.
func (k *Keyring) EnsureStackSecret(ctx context.Context) error {
	stored, err := k.wrapped.StackSecret(ctx)
	if err != nil || stored.Version != 0 {
		return err
	}
	fresh, err := k.NewStackSecret(ctx)
	if err != nil {
		return err
	}
	_, err = k.wrapped.PutStackSecret(ctx, fresh)
	return err
}

// Purpose returns the 32-byte keys for one purpose, derived from the stack's secret by HKDF-SHA-256 (RFC 5869). It goes by
// what it has read of the secret for five minutes.
func (k *Keyring) Purpose(ctx context.Context, purpose string) (kyc.Derived, error) {
	s, err := k.stack.Get(ctx, struct{}{}, func(ctx context.Context) (stackSecret, error) {
		state, err := k.wrapped.StackSecret(ctx)
		if err != nil {
			return stackSecret{}, err
		}
		return k.unwrapSecret(ctx, state)
	})
	if err != nil {
		return kyc.Derived{}, fmt.Errorf("stack secret: %w", err)
	}
	return s.derive(purpose)
}

// DerivedOf is Purpose for a secret that was read just now.
func (k *Keyring) DerivedOf(ctx context.Context, state kyc.StackSecret, purpose string) (kyc.Derived, error) {
	s, err := k.unwrapSecret(ctx, state)
	if err != nil {
		return kyc.Derived{}, fmt.Errorf("stack secret: %w", err)
	}
	return s.derive(purpose)
}

func (k *Keyring) unwrapSecret(ctx context.Context, state kyc.StackSecret) (stackSecret, error) {
	if state.Version == 0 {
		return stackSecret{}, errors.New("the stack has no secret yet: create a brand with the admin function first")
	}
	s := stackSecret{state: state}
	var err error
	if s.secret, err = k.unwrap(ctx, state.Wrapped, stackContext()); err == nil && state.Next != nil {
		s.next, err = k.unwrap(ctx, state.Next, stackContext())
	}
	return s, err
}

func (s stackSecret) derive(purpose string) (kyc.Derived, error) {
	key, err := hkdf.Key(sha256.New, s.secret, nil, "kyc/"+purpose, keyBytes)
	if err != nil || s.next == nil {
		return s.state.Derived(key, nil), err
	}
	next, err := hkdf.Key(sha256.New, s.next, nil, "kyc/"+purpose, keyBytes)
	return s.state.Derived(key, next), err
}

// Seal encrypts fields under a new data key of the place, wrapped by the brand's newest key as of five minutes ago at most.
func (k *Keyring) Seal(ctx context.Context, place kyc.Place, fields kyc.Profile) (kyc.Sealed, error) {
	version, err := k.newestVersion(ctx, place.BrandID)
	if err != nil {
		return kyc.Sealed{}, err
	}
	dataKey := make([]byte, keyBytes)
	_, _ = rand.Read(dataKey) // never fails, by its documentation
	wrapped, err := k.wrap(ctx, place, dataKey, version)
	if err != nil {
		return kyc.Sealed{}, err
	}
	sealed := kyc.Sealed{Key: wrapped, Fields: make(map[kyc.Field][]byte, len(fields))}
	return sealed, sealFields(dataKey, place, fields, sealed.Fields)
}

// Rewrap returns a wrapped data key of the place wrapped by the given version of the brand's key, and the very same where it
// is already. It returns kyc.ErrUnreadable for one of another place. The fields that it encrypts are as readable with the one as
// with the other.
func (k *Keyring) Rewrap(ctx context.Context, place kyc.Place, wrapped []byte, version int) ([]byte, error) {
	if now, err := versionOf(wrapped); err != nil || now == version {
		return wrapped, err
	}
	dataKey, err := k.dataKey(ctx, place, wrapped)
	if err != nil {
		return nil, err
	}
	return k.wrap(ctx, place, dataKey, version)
}

// wrap wraps a data key by a version of the brand's key, which stands in front of it.
func (k *Keyring) wrap(ctx context.Context, place kyc.Place, dataKey []byte, version int) ([]byte, error) {
	brand, err := k.brandKey(ctx, place.BrandID, version)
	if err != nil {
		return nil, err
	}
	wrapped, err := encrypt(brand, dataKey, aad(place, "data-key"))
	return append(binary.BigEndian.AppendUint32(nil, uint32(version)), wrapped...), err
}

// Add returns sealed with more fields, encrypted under the same data key.
func (k *Keyring) Add(ctx context.Context, place kyc.Place, sealed kyc.Sealed, more kyc.Profile) (kyc.Sealed, error) {
	dataKey, err := k.dataKey(ctx, place, sealed.Key)
	if err != nil {
		return kyc.Sealed{}, err
	}
	all := kyc.Sealed{Key: sealed.Key, Fields: make(map[kyc.Field][]byte, len(sealed.Fields)+len(more))}
	for f, v := range sealed.Fields {
		all.Fields[f] = v
	}
	return all, sealFields(dataKey, place, more, all.Fields)
}

// Open decrypts every field. It returns kyc.ErrUnreadable for data that was sealed for another place.
func (k *Keyring) Open(ctx context.Context, place kyc.Place, sealed kyc.Sealed) (kyc.Profile, error) {
	if sealed.Empty() {
		return kyc.Profile{}, nil
	}
	dataKey, err := k.dataKey(ctx, place, sealed.Key)
	if err != nil {
		return nil, err
	}
	fields := make(kyc.Profile, len(sealed.Fields))
	for f, v := range sealed.Fields {
		plain, err := decrypt(dataKey, v, aad(place, string(f)))
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f, err)
		}
		fields[f] = kyc.NewSecret(string(plain))
	}
	return fields, nil
}

func sealFields(dataKey []byte, place kyc.Place, fields kyc.Profile, into map[kyc.Field][]byte) error {
	for f, v := range fields {
		sealed, err := encrypt(dataKey, []byte(v.Reveal()), aad(place, string(f)))
		if err != nil {
			return err
		}
		into[f] = sealed
	}
	return nil
}

// dataKey unwraps a data key.
func (k *Keyring) dataKey(ctx context.Context, place kyc.Place, wrapped []byte) ([]byte, error) {
	version, err := versionOf(wrapped)
	if err != nil {
		return nil, err
	}
	brand, err := k.brandKey(ctx, place.BrandID, version)
	if err != nil {
		return nil, err
	}
	dataKey, err := decrypt(brand, wrapped[4:], aad(place, "data-key"))
	if err != nil {
		return nil, fmt.Errorf("data key: %w", err)
	}
	return dataKey, nil
}

// versionOf returns the version of the brand's key that a data key is wrapped by.
func versionOf(wrapped []byte) (int, error) {
	if len(wrapped) < 4 {
		return 0, fmt.Errorf("data key: %w", kyc.ErrUnreadable)
	}
	version := int(binary.BigEndian.Uint32(wrapped))
	if version == 0 { // which asks for the newest, and is never stored
		return 0, fmt.Errorf("data key: %w", kyc.ErrUnreadable)
	}
	return version, nil
}

// newestVersion returns the newest version of a brand's key, which is unwrapped with the same read.
func (k *Keyring) newestVersion(ctx context.Context, brandID string) (int, error) {
	version, err := k.newest.Get(ctx, brandID, func(ctx context.Context) (int, error) {
		wrapped, version, err := k.wrapped.BrandKey(ctx, brandID, 0)
		if err != nil {
			return 0, err
		}
		_, err = k.brands.Get(ctx, brandKeyID{brandID, version}, func(ctx context.Context) ([]byte, error) {
			return k.unwrap(ctx, wrapped, brandContext(brandID))
		})
		return version, err
	})
	if err != nil {
		return 0, fmt.Errorf("key of brand %s: %w", brandID, err)
	}
	return version, nil
}

func (k *Keyring) brandKey(ctx context.Context, brandID string, version int) ([]byte, error) {
	key, err := k.brands.Get(ctx, brandKeyID{brandID, version}, func(ctx context.Context) ([]byte, error) {
		wrapped, _, err := k.wrapped.BrandKey(ctx, brandID, version)
		if err != nil {
			return nil, err
		}
		return k.unwrap(ctx, wrapped, brandContext(brandID))
	})
	if err != nil {
		return nil, fmt.Errorf("key of brand %s: %w", brandID, err)
	}
	return key, nil
}

func (k *Keyring) generate(ctx context.Context, context map[string]string) ([]byte, error) {
	out, err := k.kms.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: &k.keyARN, KeySpec: types.DataKeySpecAes256, EncryptionContext: context,
	})
	if err != nil {
		return nil, fmt.Errorf("generate data key: %w", err)
	}
	return out.CiphertextBlob, nil
}

func (k *Keyring) unwrap(ctx context.Context, wrapped []byte, context map[string]string) ([]byte, error) {
	out, err := k.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: &k.keyARN, CiphertextBlob: wrapped, EncryptionContext: context})
	if err != nil {
		return nil, fmt.Errorf("decrypt data key: %w", err)
	}
	return out.Plaintext, nil
}

// aad names a place so that no two places share a name: ids cannot hold a zero byte.
func aad(place kyc.Place, field string) []byte {
	return []byte(strings.Join([]string{"kyc", place.BrandID, place.Owner, field}, "\x00"))
}

func encrypt(key, plain, aad []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return gcm.Seal([]byte{format}, nil, plain, aad), nil
}

func decrypt(key, sealed, aad []byte) ([]byte, error) {
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 || sealed[0] != format {
		return nil, kyc.ErrUnreadable
	}
	plain, err := gcm.Open(nil, nil, sealed[1:], aad)
	if err != nil {
		return nil, kyc.ErrUnreadable
	}
	return plain, nil
}

// newGCM returns AES-GCM with a random 96-bit nonce in front of each ciphertext. A data key encrypts far fewer than the
// 2^32 messages that NIST SP 800-38D section 8.3 allows for random nonces.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
