// A self-signed certificate and its key, for tests only: localhost, 127.0.0.1 and ::1, valid from 2020 to 2120.
//
// Made by `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost` and
// `openssl ca -selfsign -startdate 20200101000000Z -enddate 21200101000000Z -extensions v3`, where v3 is
// `subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1` and `basicConstraints=critical,CA:TRUE`. The key protects nothing.

export const certificate = `-----BEGIN CERTIFICATE-----
MIIBjTCCATKgAwIBAgIUViokTui3b6onjMbJEJWXGM1EtiQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAx
MDAwMDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATdbpM79tDAViHkBswHVsOUtqGwVT00MYoFUjqzRCzYqNPmZKIH2RYw
83PJU5B1nC8eLTBvDmV7J3mAilIofHF1o2AwXjAsBgNVHREEJTAjgglsb2NhbGhv
c3SHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwDwYDVR0TAQH/BAUwAwEB/zAdBgNV
HQ4EFgQULfGvc+hXUEP8bLF/X9853ZRhNMYwCgYIKoZIzj0EAwIDSQAwRgIhAMd3
FNLEsNbiyCP9Fg6xVyUzJTc5E17r60RJj72vqZR2AiEA48GVbn1+06mNS44ZnLkg
3auCuqdD8w9BqAjV3Be984Y=
-----END CERTIFICATE-----
`;

export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfDfDQVw+PaG/fDKM
EdmUbf8RvCY3ZJw0HxcjmoNFuLqhRANCAATdbpM79tDAViHkBswHVsOUtqGwVT00
MYoFUjqzRCzYqNPmZKIH2RYw83PJU5B1nC8eLTBvDmV7J3mAilIofHF1
-----END PRIVATE KEY-----
`;
