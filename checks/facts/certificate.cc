#include "checks/facts/certificate.h"

#include <algorithm>
#include <charconv>

#include "checks/facts/policy.h"
#include "checks/facts/text.h"

namespace stswatch {

bool PeerCertificates::has(ChainFault::Kind kind) const {
  return std::any_of(faults.begin(), faults.end(), [&](const ChainFault& f) { return f.kind == kind; });
}

bool PeerCertificates::bad_by_dates_alone() const {
  return name_matches && !faults.empty() && std::ranges::all_of(faults, [](const ChainFault& fault) {
           return fault.kind == ChainFault::Kind::expired || fault.kind == ChainFault::Kind::not_yet_valid;
         });
}

TimePoint PeerCertificates::chain_not_after() const { return first_to_expire().not_after; }

const Certificate& PeerCertificates::first_to_expire() const {
  const Certificate* first = &leaf;
  for (const std::size_t i : used) {
    if (i < chain.size() && chain[i].not_after < first->not_after) first = &chain[i];
  }
  return *first;
}

std::string PeerCertificates::verify_error() const {
  return faults.empty() ? std::string() : faults.front().text;
}

bool names_host(const Certificate& leaf, std::string_view host) { return matches_any(host, leaf.dns_names); }

namespace {

constexpr std::size_t kShown = 16;  // hex digits at either end

/// RFC 6698 §2.2: an unsigned decimal integer of eight bits; it is taken off the text.
std::optional<std::uint8_t> take_number(std::string_view& text) {
  std::uint8_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// False where no blank stands.
bool skip_blanks(std::string_view& text) {
  const auto word = std::ranges::find_if_not(text, is_blank);
  const bool any = word != text.begin();
  text.remove_prefix(static_cast<std::size_t>(word - text.begin()));
  return any;
}

unsigned octet_at(const std::string& hex, std::size_t index) {
  unsigned value = 0;
  std::from_chars(hex.data() + index * 2, hex.data() + index * 2 + 2, value, 16);
  return value;
}

/// X.690 §8.1.3: one SEQUENCE that ends where the data do, which every certificate and every key is.
bool is_one_sequence(const TlsaRecord& record) {
  constexpr unsigned kSequence = 0x30, kLong = 0x80;
  if (record.octets() < 2 || octet_at(record.data, 0) != kSequence) return false;
  std::size_t length = octet_at(record.data, 1), head = 2;
  if (length >= kLong) {
    const std::size_t more = length - kLong;
    if (more == 0 || more > 3 || record.octets() < head + more) return false;
    length = 0;
    for (std::size_t i = 0; i < more; ++i)
      length = length << 8U | octet_at(record.data, head + i);
    head += more;
  }
  return head + length == record.octets();
}

}  // namespace

std::string TlsaRecord::str() const {
  return std::to_string(usage) + ' ' + std::to_string(selector) + ' ' + std::to_string(matching) + ' ' + data;
}

std::string TlsaRecord::brief() const {
  if (data.size() <= 2 * kShown + 3) return str();
  TlsaRecord shown = *this;
  shown.data = data.substr(0, kShown) + "..." + data.substr(data.size() - kShown);
  return shown.str();
}

std::optional<TlsaRecord> parse_tlsa(std::string_view text) {
  TlsaRecord out;
  text = text::trim(text);
  for (auto* field : {&out.usage, &out.selector, &out.matching}) {
    const auto number = take_number(text);
    if (!number || !skip_blanks(text)) return std::nullopt;
    *field = *number;
  }
  for (const char c : text) {
    if (is_blank(c)) continue;
    if (!text::is_hex(c)) return std::nullopt;
    out.data += text::lower(c);
  }
  if (out.data.empty() || out.data.size() % 2 != 0) return std::nullopt;
  return out;
}

bool is_usable(const TlsaRecord& record) {
  constexpr std::size_t kSha256 = 32, kSha512 = 64;
  if (is_pkix(record) || record.usage > 3 || record.selector > 1) return false;
  switch (record.matching) {
    case 0:
      return is_one_sequence(record);
    case 1:
      return record.octets() == kSha256;
    case 2:
      return record.octets() == kSha512;
    default:
      return false;
  }
}

std::string tlsa_name(std::string_view base, std::uint16_t port) {
  return '_' + std::to_string(port) + "._tcp." + std::string(base);
}

std::string_view tlsa_base(std::string_view name) {
  constexpr std::string_view kTcp = "._tcp.";
  const auto at = name.find(kTcp);
  return at == name.npos ? std::string_view() : name.substr(at + kTcp.size());
}

std::vector<std::string> tlsa_bases(const std::string& host, std::span<const AliasState> aliases,
                                    bool addresses_secure) {
  if (aliases.empty()) return addresses_secure ? std::vector{host} : std::vector<std::string>{};
  // §2.1.3: an insecure alias makes all that follows insecure, whatever came before it.
  if (!aliases.front().secure) return {};
  if (!addresses_secure || !std::ranges::all_of(aliases, &AliasState::secure)) return {host};
  return {aliases.back().target, host};
}

}  // namespace stswatch
