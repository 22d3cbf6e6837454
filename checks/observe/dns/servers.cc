#include "checks/observe/dns/servers.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch::dns {

std::optional<Step> Plan::next(std::span<const std::size_t> order) {
  if (settled_) return std::nullopt;
  if (follow_up_) {
    last_ = *std::exchange(follow_up_, std::nullopt);
    return last_;
  }
  if (const auto server = unchecked_ || tries_left_ <= 0 ? std::nullopt : choose(order)) {
    --tries_left_;
    // RFC 6891 §6.2.2 knows middle boxes that drop EDNS: who was silent is asked again without it.
    last_ = {*server, false, {.edns = servers_[*server].silences == 0}};
    return last_;
  }
  settled_ = unchecked_ || !ask_unchecked_;
  if (settled_) return std::nullopt;
  unchecked_ = true;
  last_ = {*ask_unchecked_, false, {.edns = true, .checking_disabled = true}};
  return last_;
}

/// The first server not asked yet; else the least asked among those that were only silent.
std::optional<std::size_t> Plan::choose(std::span<const std::size_t> order) const {
  std::optional<std::size_t> best;
  for (const std::size_t server : order) {
    if (servers_[server].failed) continue;
    if (!best || servers_[server].silences < servers_[*best].silences) best = server;
  }
  return best;
}

std::optional<Step> Plan::follow_up(const Reading& reading) const {
  Step step = last_;
  if (reading.truncated && !last_.tcp) {
    step.tcp = true;
    return step;
  }
  if (reading.dislikes_edns && last_.form.edns) {
    step.form.edns = false;
    return step;
  }
  return std::nullopt;
}

void Plan::answered(Reading reading) {
  follow_up_ = follow_up(reading);
  if (follow_up_) return;
  if (unchecked_) {
    bogus_ = bogus_ || reading.definite;
    if (reading.definite) note("an answer only without validation (CD)");
    settled_ = true;
    return;
  }
  if (reading.definite) {
    answer_ = std::move(reading.answer);
    settled_ = true;
    return;
  }
  const AnswerFacts& facts = facts_of(reading.answer);
  bogus_ = bogus_ || facts.bogus;
  if (reading.unexplained && !ask_unchecked_) ask_unchecked_ = last_.server;
  failed(facts.detail);
}

void Plan::silent(const std::string& why) {
  if (unchecked_) return;
  ++servers_[last_.server].silences;
  note(why);
}

void Plan::failed(const std::string& why) {
  if (unchecked_) return;
  servers_[last_.server].failed = true;
  note(why);
}

void Plan::exhausted(const std::string& why) {
  exhausted_ = true;
  failed(why);
}

void Plan::note(const std::string& why) {
  if (failures_.find(why) != std::string::npos) return;
  text::add(failures_, "; ", why);
}

DnsAnswer Plan::result(const DnsQuestion& question) {
  if (answer_) return std::move(*answer_);
  DnsAnswer unknown = unknown_answer(question, failures_);
  facts_of(unknown).bogus = bogus_;
  facts_of(unknown).exhausted = exhausted_;
  return unknown;
}

}  // namespace stswatch::dns

namespace stswatch::dns {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstProbe = 5s;      // a restarted resolver is found again soon
constexpr auto kSlowestProbe = 5min;  // one packet in five minutes bothers nobody
constexpr std::size_t kServers = 8;   // resolv.conf(5) allows three

std::string bad_server(std::string_view text, std::string_view why) {
  return "DNS server \"" + printable(text, 80) + "\": " + std::string(why) +
         "; write it as 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353";
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// resolv.conf(5): without the file, or a nameserver line in it, the one on the local machine is asked.
std::vector<Server> local_server() { return {{Address::v4({127, 0, 0, 1})}}; }

/// Address and port parts; the port is empty when there is none. nullopt for an unclosed bracket.
struct Parts {
  std::string_view address;
  std::optional<std::string_view> port;
};
std::optional<Parts> split(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(close + 1);
    if (rest.empty()) return Parts{text.substr(1, close - 1), std::nullopt};
    if (rest.front() != ':') return std::nullopt;
    return Parts{text.substr(1, close - 1), rest.substr(1)};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return Parts{text, std::nullopt};
  return Parts{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

std::string Server::str() const {
  if (port == 53) return address.str();
  const std::string host = address.is_v6() ? "[" + address.str() + "]" : address.str();
  return host + ":" + std::to_string(port);
}

bool Server::loopback() const { return address.not_public_reason() == "loopback"; }

tl::expected<Server, std::string> parse_server(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return tl::unexpected(bad_server(text, "the brackets do not fit"));
  const auto address = Address::parse(parts->address);
  if (!address) {
    const bool zone = parts->address.find('%') != std::string_view::npos;
    return tl::unexpected(bad_server(text, zone ? "a link-local zone is not supported" : "no IP address"));
  }
  if (text.starts_with('[') && !address->is_v6())
    return tl::unexpected(bad_server(text, "brackets are for IPv6"));
  if (!parts->port) return Server{*address};
  const auto port = parse_port(*parts->port);
  if (!port) return tl::unexpected(bad_server(text, "the port is no number from 1 to 65535"));
  return Server{*address, *port};
}

tl::expected<std::vector<Server>, std::string> read_resolv_conf(const std::string& path) {
  const std::string remedy =
      "; name a DNS server with --resolver ADDRESS or dns.servers in the configuration";
  std::ifstream file(path);
  if (!file && errno == ENOENT) return local_server();
  if (!file) return tl::unexpected(path + ": " + std::system_category().message(errno) + remedy);
  std::vector<Server> servers;
  std::string unusable;
  for (std::string line; std::getline(file, line) && servers.size() < kServers;) {
    std::istringstream words(line);
    std::string keyword, value;
    if (!(words >> keyword >> value) || keyword != "nameserver") continue;
    if (const auto address = Address::parse(value)) {
      servers.push_back({*address});
    } else if (unusable.empty()) {
      unusable = " that can be used (\"" + printable(value, 60) + "\" is no plain IP address)";
    }
  }
  if (!servers.empty()) return servers;
  if (unusable.empty()) return local_server();
  return tl::unexpected(path + " has no nameserver line" + unusable + remedy);
}

std::vector<std::size_t> ServerHealth::order() const {
  std::vector<std::size_t> order(states_.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_partition(order.begin(), order.end(), [this](std::size_t i) { return !states_[i].silent; });
  return order;
}

void ServerHealth::answered(std::size_t server) { states_[server].silent = false; }

void ServerHealth::silent(std::size_t server, Clock::time_point now) {
  State& state = states_[server];
  if (state.silent) return;  // hundreds of questions may find out at once: that is one event
  state = {true, now + kFirstProbe, kFirstProbe};
}

std::optional<std::size_t> ServerHealth::take_due_probe(Clock::time_point now) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    State& state = states_[i];
    if (!state.silent || now < state.next_probe) continue;
    state.pause = std::min<Clock::duration>(state.pause * 2, kSlowestProbe);
    state.next_probe = now + state.pause;
    return i;
  }
  return std::nullopt;
}

}  // namespace stswatch::dns
