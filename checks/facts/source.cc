#include "checks/facts/source.h"

#include <algorithm>
#include <map>

#include "checks/facts/join.h"

namespace stswatch {
namespace {

bool same(const SourceReply& a, const SourceReply& b) {
  return a.records == b.records && a.nxdomain == b.nxdomain;
}

std::string shown(const SourceReply& reply) {
  std::string out = reply.detail;
  if (reply.said == SourceSaid::answered) {
    out = reply.nxdomain ? "NXDOMAIN" : reply.records.empty() ? "no record" : "";
    for (const std::string& record : reply.records)
      out += (out.empty() ? "\"" : ", \"") + record + '"';
  }
  return reply.serial ? out + " (serial " + std::to_string(*reply.serial) + ')' : out;
}

/// Whether two servers that answered the same name differ, and `such` a pair.
template <class Such>
bool any_differ(const std::vector<SourceReply>& replies, Such such) {
  for (auto a = replies.begin(); a != replies.end(); ++a) {
    if (a->said != SourceSaid::answered) continue;
    for (auto b = a + 1; b != replies.end(); ++b)
      if (b->said == SourceSaid::answered && a->name == b->name && !same(*a, *b) && such(*a, *b)) return true;
  }
  return false;
}

}  // namespace

bool SourceAnswer::answered() const {
  // Of an alias only its end is an answer: the last name asked.
  return trouble.empty() && std::ranges::any_of(replies, [&](const SourceReply& r) {
           return r.said == SourceSaid::answered && r.name == replies.back().name;
         });
}

bool SourceAnswer::zone_at_fault() const {
  if (replies.empty() || !trouble.empty()) return false;
  std::map<std::string, SourceSaid> by_server;  // the best that any of its addresses said
  for (const SourceReply& reply : replies) {
    if (reply.name != replies.back().name) continue;
    auto& best = by_server.try_emplace(reply.server, reply.said).first->second;
    best = std::max(best, reply.said);
  }
  return std::ranges::all_of(by_server, [](const auto& server) {
    return server.second == SourceSaid::refused || server.second == SourceSaid::lame;
  });
}

bool SourceAnswer::differs() const {
  return any_differ(replies, [](const SourceReply&, const SourceReply&) { return true; });
}

bool SourceAnswer::signed_apart() const {
  using namespace std::chrono_literals;
  constexpr Seconds kSigned = 24h;  // whoever signs for each answer does so now here, now there
  const SourceReply* first = nullptr;
  for (const SourceReply& reply : replies) {
    if (reply.said != SourceSaid::answered || reply.records.empty()) continue;
    if (first == nullptr) first = &reply;
    if (first->signed_until.has_value() != reply.signed_until.has_value()) return true;
    if (reply.signed_until && std::chrono::abs(*reply.signed_until - *first->signed_until) > kSigned)
      return true;
  }
  return false;
}

bool SourceAnswer::differs_at_one_serial() const {
  return any_differ(replies, [](const SourceReply& a, const SourceReply& b) {
    return a.serial && b.serial && *a.serial == *b.serial;
  });
}

std::string SourceAnswer::str() const {
  std::string out = trouble;
  for (const SourceReply& reply : replies)
    text::add(out, "; ", reply.server + ' ' + reply.address.str() + ": " + shown(reply));
  return out;
}

}  // namespace stswatch
