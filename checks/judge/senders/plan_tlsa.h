// A new key for an MX host that has TLSA records: what to publish, how long to wait, when the key may change,
// what to remove last (RFC 7671 §8.1, RFC 7672 §4). Whatever records a sender holds in its cache vouch for
// the key in use at every moment, however late each step is done. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/text.h"
#include "checks/facts/tlsa.h"

namespace stswatch {

struct KeyChange {
  std::string host;
  std::vector<TlsaRecord> records{};   // at _25._tcp.HOST now
  std::vector<TlsaRecord> vouching{};  // those of them that vouch for what every address shows now
  TlsaRecord next{};                   // of the key that is to come
  std::uint32_t ttl = 0;               // of the records
  TimePoint now{};
  std::optional<TimePoint> published{};  // `next` stands there since then at the latest
};

enum class TlsaDeed { publish_tlsa, change_key, remove_tlsa };
std::string_view to_string(TlsaDeed deed);

struct TlsaStep {
  int n = 0;
  TlsaDeed deed = TlsaDeed::publish_tlsa;
  Seconds after{0};                   // since the step before; of the first: since now
  TimePoint not_before{};             // if every step is done as early as it may be
  std::vector<TlsaRecord> records{};  // all that stand there from then on
  std::string text;                   // for people
};

/// The error says what has to be mended or published before a key can change.
tl::expected<std::vector<TlsaStep>, std::string> plan_key_change(const KeyChange& change);

}  // namespace stswatch
