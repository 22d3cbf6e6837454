// From OpenSSL's certificate to ours. For checks/observe alone.
#pragma once

#include <openssl/x509.h>
#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "checks/facts/certificate.h"

namespace stswatch {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

/// Everything a certificate says that we care for. Every dNSName is here, however many: the caller bounds
/// them.
Certificate describe(X509* certificate);

using Fingerprint = std::array<unsigned char, 32>;
Fingerprint fingerprint(const void* octets, std::size_t size);
Fingerprint fingerprint(const X509* certificate);  // of the DER
std::string to_hex(const Fingerprint& digest);

TimePoint to_time(const ASN1_TIME* time);  // the epoch for what is no time

}  // namespace stswatch
