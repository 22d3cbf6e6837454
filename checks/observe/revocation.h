// Whether a certificate is revoked, by the CRL that it names (RFC 5280 §5, §6.3; RFC 8461 §3.3, §10.5): over
// http, within bounds, kept until the next one is due. A list that cannot be had, is stale or is not signed
// by the issuer says nothing. Thread-safe.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "checks/facts/certificate.h"
#include "checks/observe/dns/resolver.h"
#include "checks/observe/net/deadline.h"
#include "checks/observe/tls/x509.h"

namespace stswatch {

class RevocationLists {
 public:
  struct Options {
    bool allow_private = false;  // addresses, and other ports than 80
  };
  RevocationLists(Resolver& resolver, Options options) : resolver_(resolver), options_(options) {}

  /// Fills in `revoked` of a chain that verified and was noted in `book`. May ask the CA, once a day and
  /// certificate; while another thread asks for the same list, nothing is known yet.
  void look_up(PeerCertificates& peer, IssuerBook& book, TimePoint now, const Deadline& deadline);

  static constexpr std::size_t kListOctets = 4U
                                             << 20U;  // of one; the largest that public CAs publish are near
  static constexpr std::size_t kKeptOctets = 16U << 20U;  // of all that are kept
  static constexpr std::size_t kAnswers = 65536;          // certificates whose answer is kept
  static constexpr Seconds kRetry{3600};                  // where a list could not be had
  static constexpr Millis kDownload{5000};

 private:
  struct Answer {
    std::optional<bool> revoked;
    std::string words;
    TimePoint until;
  };
  struct List {
    std::string der;  // empty: it could not be had
    TimePoint until;
  };

  Answer ask(const IssuedCertificate& issued, TimePoint now, const Deadline& deadline);
  /// nullopt: another thread is fetching it.
  std::optional<List> list_at(const std::string& url, TimePoint now, const Deadline& deadline);
  std::string download(const std::string& url, const Deadline& deadline);
  void keep(const std::string& url, const List& list);

  Resolver& resolver_;
  const Options options_;
  std::mutex mutex_;                       // never held across I/O
  std::map<std::string, Answer> answers_;  // by SHA-256 of the leaf; guarded by mutex_, as are the next two
  std::map<std::string, List> lists_;      // by URL
  std::set<std::string> fetching_;
};

}  // namespace stswatch
