// Worlds for the tests of the sender simulation, written down in few words. Nothing here is under test.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "checks/judge/senders/simulation.h"

namespace stswatch::worlds {

using namespace std::chrono_literals;

inline TimePoint at(std::string_view text) { return *parse_utc(text); }
inline const TimePoint kNow = at("2026-12-01T00:00:00Z");
inline constexpr Seconds days(int n) { return std::chrono::hours{24} * n; }

inline WorldPolicy policy(std::string name, std::vector<std::string> mx, std::uint64_t max_age,
                          TimePoint first, TimePoint last_ub, Mode mode = Mode::enforce) {
  return {std::move(name), mode, std::move(mx), max_age, first, last_ub};
}

inline WorldAddress good(std::string address, std::string host, TimePoint not_after) {
  return {std::move(address), true, true, true, {std::move(host)}, std::nullopt, not_after};
}

inline WorldMx mx(int preference, std::string host, TimePoint not_after) {
  return {preference, host, {good("192.0.2." + std::to_string(preference), host, not_after)}};
}

inline WorldMx unknown_mx(int preference, std::string host) {
  auto out = mx(preference, std::move(host), kNow + days(60));
  out.addresses[0].reachable.reset();
  return out;
}

inline WorldMx host(int preference, std::string name) {
  return mx(preference, std::move(name), kNow + days(200));
}

/// One enforce policy for a.example.net alone, ten days, record TTL half an hour.
inline World one_host() {
  World w;
  w.now = kNow;
  w.domain = "example.net";
  w.policies = {policy("P1", {"a.example.net"}, 864000, kNow - days(90), kNow)};
  w.ids = {{"x1", kNow - days(90), kNow, 1800}};
  w.current_policy = "P1";
  w.current_id = "x1";
  w.policy_host_not_after = kNow + days(300);
  w.mx = {host(10, "a.example.net")};
  w.mx_ttl = 600;
  return w;
}

/// Worked example 1: enforce, max_age a week, mx1 (10) and mx2 (20), everything in order.
inline World steady() {
  World w;
  w.now = kNow;
  w.domain = "example.com";
  w.policies = {policy("P1", {"mx1.example.com", "mx2.example.com"}, 604800, kNow - days(180), kNow)};
  w.ids = {{"A", kNow - days(180), kNow, 3600}};
  w.current_policy = "P1";
  w.current_id = "A";
  w.policy_host_not_after = kNow + days(45);
  w.mx = {mx(10, "mx1.example.com", kNow + days(70)), mx(20, "mx2.example.com", kNow + days(19))};
  return w;
}

/// Worked example 3: the provider changed six days ago in the right order; P1 (30 d) allows the old host
/// only.
inline World moved() {
  World w;
  w.now = kNow;
  w.domain = "example.com";
  w.policies = {policy("P1", {"mx1.example.com"}, 2592000, kNow - days(300), kNow - days(6)),
                policy("P2", {"mx.new.example"}, 2592000, kNow - days(6), kNow)};
  w.ids = {{"A", kNow - days(300), kNow - days(6), 3600}, {"B", kNow - days(6) + 1h, kNow, 3600}};
  w.current_policy = "P2";
  w.current_id = "B";
  w.policy_host_not_after = kNow + days(9);
  w.mx = {mx(10, "mx.new.example", kNow + days(80))};
  return w;
}

}  // namespace stswatch::worlds
