// DNS questions and what their answers prove. One virtual, so that a test's resolver is a table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "checks/facts/caa.h"
#include "checks/facts/certificate.h"
#include "checks/facts/result.h"
#include "checks/observe/net/deadline.h"

namespace stswatch {

enum class RecordType { a, aaaa, mx, txt, ns, tlsa, caa };

struct DnsQuestion {
  std::string name;  // A-labels, no final dot
  RecordType type;
};

/// The alternative that fits the question's type: TxtAnswer, MxAnswer, AddressAnswer, NsAnswer, TlsaAnswer or
/// CaaAnswer.
using DnsAnswer = std::variant<TxtAnswer, MxAnswer, AddressAnswer, NsAnswer, TlsaAnswer, CaaAnswer>;

class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Asks all at once; answers in the order asked. Blocks until all are in or the deadline passes (those are
  /// unknown then). Safe to call from many threads. Never getaddrinfo, hosts file or search list.
  virtual std::vector<DnsAnswer> ask(const std::vector<DnsQuestion>& questions, const Deadline& deadline) = 0;
};

struct DnsOptions {
  std::vector<std::string> servers;  // "addr", "addr:port", "[v6]:port"; empty: /etc/resolv.conf
  Millis timeout{5000};              // per try
  int tries = 3;                     // over all servers
  bool trust_ad = false;  // the resolver validates and the way to it is trusted: AD then means secure
};

/// One thread owns the c-ares channel. The error names the server string or file at fault and how to mend it.
tl::expected<std::unique_ptr<Resolver>, std::string> make_resolver(const DnsOptions& options);

}  // namespace stswatch
