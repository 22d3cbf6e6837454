// The roots we verify against: loaded once, immutable, shared by all connections (a load costs 50 ms).
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

struct x509_store_st;
struct ssl_ctx_st;

namespace stswatch {

class TrustStore {
 public:
  /// `ca_file` replaces the system's store; empty means the system's. The error names the file and the fault.
  static tl::expected<std::shared_ptr<const TrustStore>, std::string> load(const std::string& ca_file);
  ~TrustStore();

  const std::string& file() const { return file_; }      // the file, or the system's bundle
  const std::string& sha256() const { return sha256_; }  // over the sorted fingerprints of the roots
  std::size_t size() const { return size_; }

  // For checks/observe alone: contexts shared by every connection, one offering TLS 1.2 and later, one only
  // what came before (security level 0), to recognise and name old servers.
  ssl_ctx_st* modern() const { return modern_; }
  ssl_ctx_st* legacy() const { return legacy_; }
  x509_store_st* roots() const { return roots_; }

 private:
  TrustStore() = default;
  std::string file_, sha256_;
  std::size_t size_ = 0;
  x509_store_st* roots_ = nullptr;
  ssl_ctx_st* modern_ = nullptr;
  ssl_ctx_st* legacy_ = nullptr;
};

}  // namespace stswatch
