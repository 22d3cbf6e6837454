#include "checks/observe/tls/issuer_book.h"

#include <openssl/x509v3.h>
#include <string_view>
#include <utility>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

/// RFC 5280 §4.2.1.13: the full names of each point; one for some reasons only, or signed by another, is
/// left.
std::vector<std::string> http_lists(const X509* certificate) {
  std::vector<std::string> out;
  const std::unique_ptr<CRL_DIST_POINTS, FreeWith<CRL_DIST_POINTS_free>> points(static_cast<CRL_DIST_POINTS*>(
      X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
  for (int i = 0; points && i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
    if (point->distpoint == nullptr || point->distpoint->type != 0) continue;
    if (point->reasons != nullptr || point->CRLissuer != nullptr) continue;
    const GENERAL_NAMES* names = point->distpoint->name.fullname;
    for (int n = 0; n < sk_GENERAL_NAME_num(names) && out.size() < IssuerBook::kCrlUrls; ++n) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, n);
      if (name->type != GEN_URI) continue;
      const ASN1_STRING* text = name->d.uniformResourceIdentifier;
      const std::string_view url(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                 static_cast<std::size_t>(ASN1_STRING_length(text)));
      if (text::istarts_with(url, "http://") && url.size() <= IssuerBook::kUrlOctets) out.emplace_back(url);
    }
  }
  return out;
}

X509Ptr shared(X509* certificate) {
  X509_up_ref(certificate);
  return X509Ptr(certificate);
}

}  // namespace

void IssuerBook::note(X509* leaf, X509* issuer) {
  auto lists = http_lists(leaf);
  if (lists.empty()) return;
  auto key = to_hex(fingerprint(leaf));
  const std::lock_guard lock(mutex_);
  const bool fresh =
      known_.insert_or_assign(key, IssuedCertificate{shared(leaf), shared(issuer), std::move(lists)}).second;
  if (fresh) order_.push_back(std::move(key));
  while (order_.size() > kKept) {
    known_.erase(order_.front());
    order_.pop_front();
  }
}

std::optional<IssuedCertificate> IssuerBook::take(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  const auto it = known_.find(sha256);
  if (it == known_.end()) return std::nullopt;
  std::optional out(std::move(it->second));
  known_.erase(it);
  return out;
}

}  // namespace stswatch
