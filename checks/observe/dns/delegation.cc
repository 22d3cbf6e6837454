#include "checks/observe/dns/source.h"

#include <algorithm>
#include <array>

#include "checks/facts/bounds.h"
#include "checks/observe/dns/message.h"
#include "checks/observe/dns/wire.h"

namespace stswatch::dns {
namespace {

std::string as_text(const TxtRecord& txt) { return txt.joined(); }
std::string as_text(const MxRecord& mx) { return std::to_string(mx.preference) + ' ' + mx.host; }
std::string as_text(const Address& address) { return address.str(); }
std::string as_text(const NsRecord& ns) { return ns.host; }
std::string as_text(const TlsaRecord& tlsa) { return tlsa.str(); }
std::string as_text(const CaaRecord& caa) {
  return std::to_string(caa.flags) + ' ' + caa.tag + ' ' + caa.value;
}

std::vector<std::string> as_texts(const DnsAnswer& answer) {
  std::vector<std::string> out;
  std::visit(
      [&](const auto& a) {
        for (const auto& record : a.records)
          out.push_back(as_text(record));
      },
      answer);
  return out;
}

Address address_of(Octets message, const ResourceRecord& rr) {
  std::array<std::uint8_t, 16> octets{};
  const auto data = message.subspan(rr.data, std::min<std::size_t>(rr.size, 16));
  std::copy(data.begin(), data.end(), octets.begin());
  return rr.type == kTypeA ? Address::v4({octets[0], octets[1], octets[2], octets[3]}) : Address::v6(octets);
}

/// RFC 2181 §5.4.1: addresses beside a referral are believed within the referring zone alone.
std::vector<Address> glue_of(Octets message, const Sections& sections, const std::string& server,
                             const std::string& zone) {
  std::vector<Address> out;
  if (!is_within(server, zone)) return out;
  for (const ResourceRecord& rr : sections.glue) {
    const std::size_t size = rr.type == kTypeA ? 4 : 16;
    if (rr.owner == server && rr.size == size && out.size() < bounds::kHostAddresses)
      out.push_back(address_of(message, rr));
  }
  return out;
}

Delegation referral_of(Octets message, const Sections& sections, const std::string& name,
                       const std::string& zone) {
  Delegation out;
  for (const ResourceRecord& rr : sections.referral) {
    // Downwards only: a server that points up or aside does not serve the zone.
    if (rr.owner == zone || !is_within(rr.owner, zone) || !is_within(name, rr.owner)) continue;
    if (!out.zone.empty() && rr.owner != out.zone) continue;
    auto server = name_to_end(message, rr.data, rr.data + rr.size);
    if (!server || out.servers.size() == bounds::kNameServers) continue;
    out.zone = rr.owner;
    out.ttl = rr.ttl;
    auto glue = glue_of(message, sections, *server, zone);
    out.servers.push_back({std::move(*server), std::move(glue)});
  }
  return out;
}

std::string aside(const Sections& sections) {
  if (sections.referral.empty()) return "no authority for the zone";
  const std::string& zone = sections.referral.front().owner;
  return "refers to " + (zone.empty() ? std::string("the root") : zone);
}

/// Follows aliases within the message; where the chain ends.
std::optional<std::string> end_of_chain(Octets message, const Sections& sections, std::string name,
                                        std::vector<std::string>& chain) {
  while (chain.size() < bounds::kCnameChain) {
    const auto alias = std::ranges::find_if(
        sections.answer, [&](const auto& rr) { return rr.type == kTypeCname && rr.owner == name; });
    if (alias == sections.answer.end()) break;
    auto target = name_to_end(message, alias->data, alias->data + alias->size);
    if (!target) return std::nullopt;
    chain.push_back("CNAME " + *target);
    name = std::move(*target);
  }
  return name;
}

}  // namespace

SourceReading read_source(Octets message, const DnsQuestion& question, const std::string& zone) {
  SourceReading out;
  out.reply.name = question.name;
  out.reply.said = SourceSaid::lame;
  const auto header = read_header(message);
  const auto sections = header ? read_sections(message, *header) : std::nullopt;
  if (!sections) {
    out.reply.said = SourceSaid::silent;  // who knows what that was
    out.reply.detail = "unreadable answer";
    return out;
  }
  const int rcode = sections->extended_rcode << 4 | header->rcode();
  if (rcode != kNoError && rcode != kNxDomain) {
    out.reply.said = SourceSaid::refused;
    out.reply.detail = rcode_words(rcode);
    if (const auto* error = sections->error()) out.reply.detail += " (" + error->str() + ")";
    return out;
  }
  std::vector<std::string> chain;
  const auto end = end_of_chain(message, *sections, question.name, chain);
  DnsAnswer answer = unknown_answer(question, {});
  facts_of(answer).ttl = chain.empty() ? UINT32_MAX : 0;
  if (!end || !collect_records(message, *sections, *end, question.type, answer)) {
    out.reply.detail = "malformed record";
    return out;
  }
  if (!header->authoritative() && chain.empty() && !has_records(answer)) {
    out.referral = referral_of(message, *sections, question.name, zone);
    if (out.referral.zone.empty()) out.reply.detail = aside(*sections);
    return out;
  }
  out.reply.said = SourceSaid::answered;
  out.reply.records = as_texts(answer);
  if (const auto first = first_to_end(message, *sections)) out.reply.signed_until = first->until;
  if (!chain.empty() && !has_records(answer) && rcode == kNoError) out.alias = *end;
  out.reply.nxdomain = rcode == kNxDomain;
  out.reply.ttl = has_records(answer) ? facts_of(answer).ttl : 0;
  if (!out.alias.empty()) out.reply.records = std::move(chain);
  return out;
}

std::optional<Soa> read_zone_soa(Octets message, const std::string& zone) {
  const auto header = read_header(message);
  if (!header || header->rcode() != kNoError || !header->authoritative()) return std::nullopt;
  const auto sections = read_sections(message, *header);
  if (!sections) return std::nullopt;
  for (const ResourceRecord& rr : sections->answer)
    if (rr.type == kTypeSoa && rr.owner == zone) return read_soa(message, rr);
  return std::nullopt;
}

}  // namespace stswatch::dns
