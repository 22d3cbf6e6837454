#include "agent/commands/saved_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/result.h"

namespace stswatch {
namespace {

using WorldJson = nlohmann::json;
using Ordered = nlohmann::ordered_json;

constexpr std::size_t kFile = 16U << 20;
constexpr std::size_t kMost = 10'000;  // entries of any list
constexpr int kDepth = 8;

/// One object of the file and where it stands; the first complaint is kept and ends the reading.
class Reader {
 public:
  explicit Reader(std::string& complaint) : complaint_(complaint) {}

  bool ok() const { return complaint_.empty(); }
  void complain(const std::string& where, const std::string& what) {
    if (ok()) complaint_ = where + ": " + what;
  }

  template <class T>
  T get(const WorldJson& from, const std::string& where, const char* key, const char* type) {
    const auto it = from.find(key);
    if (it == from.end() || it->is_null()) {
      complain(where + key, std::string("is missing: give ") + type);
      return {};
    }
    return as<T>(*it, where + key, type);
  }
  template <class T>
  std::optional<T> maybe(const WorldJson& from, const std::string& where, const char* key, const char* type) {
    const auto it = from.find(key);
    if (it == from.end() || it->is_null()) return std::nullopt;
    return as<T>(*it, where + key, type);
  }
  /// The objects of a list, each with its place.
  template <class OnEach>
  void each(const WorldJson& from, const std::string& where, const char* key, OnEach on_each) {
    const auto it = from.find(key);
    if (it == from.end() || !it->is_array() || it->size() > kMost)
      return complain(where + key, "must be a list of at most 10000 objects");
    for (std::size_t i = 0; i < it->size() && ok(); ++i) {
      const std::string place = where + key + "[" + std::to_string(i) + "].";
      if (!(*it)[i].is_object()) return complain(place, "must be an object");
      on_each((*it)[i], place);
    }
  }

 private:
  template <class T>
  T as(const WorldJson& value, const std::string& where, const char* type) {
    T out{};
    if (!read(value, out))
      complain(where, printable(value.dump(-1, ' ', false, WorldJson::error_handler_t::replace), 60) +
                          " is not " + type);
    return out;
  }
  static bool read(const WorldJson& value, std::string& out) {
    if (!value.is_string()) return false;
    out = value.get<std::string>();
    return true;
  }
  static bool read(const WorldJson& value, bool& out) {
    if (!value.is_boolean()) return false;
    out = value.get<bool>();
    return true;
  }
  static bool read(const WorldJson& value, TimePoint& out) {
    const auto at = value.is_string() ? parse_utc(value.get<std::string>()) : std::nullopt;
    if (at) out = *at;
    return at.has_value();
  }
  static bool read(const WorldJson& value, std::uint64_t& out) {
    if (!value.is_number_unsigned()) return false;
    out = value.get<std::uint64_t>();
    return true;
  }
  static bool read(const WorldJson& value, std::vector<std::string>& out) {
    const auto text = [](const WorldJson& v) { return v.is_string(); };
    if (!value.is_array() || value.size() > kMost || !std::ranges::all_of(value, text)) return false;
    out = value.get<std::vector<std::string>>();
    return true;
  }

  std::string& complaint_;
};

constexpr const char* kWorldText = "a string";
constexpr const char* kTexts = "a list of strings";
constexpr const char* kTruth = "true or false";
constexpr const char* kTime = "a time like 2026-12-01T00:00:00Z";
constexpr const char* kCount = "a whole number";

WorldPolicy policy_of(Reader& r, const WorldJson& from, const std::string& at) {
  WorldPolicy out;
  out.name = r.get<std::string>(from, at, "name", kWorldText);
  const auto mode = parse_mode(r.get<std::string>(from, at, "mode", "none, testing or enforce"));
  if (!mode) r.complain(at + "mode", "must be none, testing or enforce");
  out.mode = mode.value_or(Mode::none);
  out.mx = r.maybe<std::vector<std::string>>(from, at, "mx", kTexts).value_or(std::vector<std::string>{});
  out.max_age = r.get<std::uint64_t>(from, at, "max_age", kCount);
  out.first = r.get<TimePoint>(from, at, "first", kTime);
  out.last_ub = r.get<TimePoint>(from, at, "last_ub", kTime);
  out.last_seen = r.maybe<TimePoint>(from, at, "last_seen", kTime);
  out.more = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(r.maybe<std::uint64_t>(from, at, "mx_more", kCount).value_or(0), UINT32_MAX));
  out.mx_digest = r.maybe<std::string>(from, at, "mx_digest", kWorldText).value_or(std::string{});
  return out;
}

WorldId id_of(Reader& r, const WorldJson& from, const std::string& at) {
  WorldId out;
  out.id = r.get<std::string>(from, at, "id", kWorldText);
  out.first = r.get<TimePoint>(from, at, "first", kTime);
  out.last_ub = r.get<TimePoint>(from, at, "last_ub", kTime);
  out.sighted = r.maybe<TimePoint>(from, at, "first_seen", kTime);
  out.last_seen = r.maybe<TimePoint>(from, at, "last_seen", kTime);
  out.ttl = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(r.maybe<std::uint64_t>(from, at, "ttl", kCount).value_or(0), UINT32_MAX));
  return out;
}

WorldMx mx_of(Reader& r, const WorldJson& from, const std::string& at) {
  WorldMx out;
  out.host = r.get<std::string>(from, at, "host", kWorldText);
  out.preference = static_cast<int>(
      std::min<std::uint64_t>(r.maybe<std::uint64_t>(from, at, "preference", kCount).value_or(0), 65535));
  r.each(from, at, "addresses", [&](const WorldJson& a, const std::string& where) {
    WorldAddress address;
    address.address = r.get<std::string>(a, where, "address", kWorldText);
    address.reachable = r.maybe<bool>(a, where, "reachable", kTruth);
    address.starttls = r.maybe<bool>(a, where, "starttls", kTruth).value_or(false);
    address.trusted = r.maybe<bool>(a, where, "trusted", kTruth).value_or(false);
    address.dns_names =
        r.maybe<std::vector<std::string>>(a, where, "dns_names", kTexts).value_or(std::vector<std::string>{});
    address.not_before = r.maybe<TimePoint>(a, where, "not_before", kTime);
    address.not_after = r.maybe<TimePoint>(a, where, "not_after", kTime);
    out.addresses.push_back(std::move(address));
  });
  return out;
}

void only_keys(Reader& r, const WorldJson& from, const std::string& at,
               std::initializer_list<const char*> keys) {
  for (const auto& [key, value] : from.items())
    if (std::ranges::find(keys, key) == keys.end())
      r.complain(at + printable(key, 60), "is no key of a goal here");
}

GoalPolicy goal_policy(Reader& r, const WorldJson& from) {
  const std::string at = "policy.";
  only_keys(r, from, at, {"mode", "mx", "max_age"});
  GoalPolicy out;
  const auto mode = parse_mode(r.get<std::string>(from, at, "mode", "none, testing or enforce"));
  if (!mode) r.complain(at + "mode", "must be none, testing or enforce");
  out.mode = mode.value_or(Mode::none);
  out.mx = r.maybe<std::vector<std::string>>(from, at, "mx", kTexts);
  out.max_age = r.get<std::uint64_t>(from, at, "max_age", kCount);
  if (out.max_age > bounds::kMaxAgeLimit)
    r.complain(at + "max_age", "is over 31557600, the most that RFC 8461 section 3.2 allows");
  if (!out.mx) return out;
  for (const auto& pattern : *out.mx)
    if (!is_mx_pattern(pattern))
      r.complain(at + "mx",
                 '"' + printable(pattern, 60) + "\" is no pattern: give names like mx1.example.com");
  if (out.mx->empty() && out.mode != Mode::none)
    r.complain(at + "mx", "is empty: name a host, or give null for the MX hosts of the goal");
  return out;
}

std::vector<WorldMx> goal_mx(Reader& r, const WorldJson& json) {
  std::vector<WorldMx> out;
  r.each(json, "", "mx", [&](const WorldJson& m, const std::string& where) {
    auto mx = mx_of(r, m, where);
    if (!is_mx_pattern(mx.host) || mx.host.starts_with('*'))
      r.complain(where + "host", '"' + printable(mx.host, 60) + "\" is no host name");
    out.push_back(std::move(mx));
  });
  if (out.empty()) r.complain("mx", "is empty: name at least one host, or give null to keep the MX set");
  return out;
}

/// What the parts say of each other.
void cross_check(Reader& r, const World& world) {
  std::set<std::string> names;
  for (const auto& p : world.policies)
    if (!names.insert(p.name).second)
      r.complain("policies", "\"" + printable(p.name, 60) + "\" stands twice");
  if (world.current_policy && !names.contains(*world.current_policy))
    r.complain("current_policy",
               "\"" + printable(*world.current_policy, 60) + "\" is none of policies[].name");
  const bool known =
      !world.current_id || std::ranges::find(world.ids, *world.current_id, &WorldId::id) != world.ids.end();
  if (!known) r.complain("current_id", "\"" + printable(*world.current_id, 60) + "\" is none of ids[].id");
}

Ordered at(const std::optional<TimePoint>& when) { return when ? Ordered(to_utc(*when)) : Ordered(nullptr); }

Ordered point(const std::optional<TimePoint>& when) {
  return when ? Ordered{{"at", to_utc(*when)}} : Ordered(nullptr);
}

Ordered point(const std::optional<WorldPoint>& p) {
  if (!p) return nullptr;
  Ordered reasons = Ordered::array();
  for (const auto& reason : p->reason)
    reasons.push_back(reason.str());
  return {{"at", to_utc(p->at)}, {"reason", reasons}, {"policy", p->policy}};
}

Ordered level(const LevelResult& l) {
  Ordered usable = nullptr;
  if (l.usable) usable = {{"min", l.usable->min}, {"max", l.usable->max}, {"of", l.usable->of}};
  return {{"usable", usable},
          {"degradation", point(l.degradation)},
          {"breakage", point(l.breakage)},
          {"recovery", point(l.recovery)},
          {"lapse", point(l.lapse)}};
}

template <class T>
Ordered or_null(const std::optional<T>& value) {
  return value ? Ordered(*value) : Ordered(nullptr);
}

Ordered address_json(const WorldAddress& a) {
  return {{"address", a.address},        {"reachable", or_null(a.reachable)},
          {"starttls", a.starttls},      {"trusted", a.trusted},
          {"dns_names", a.dns_names},    {"not_before", at(a.not_before)},
          {"not_after", at(a.not_after)}};
}

}  // namespace

tl::expected<World, std::string> read_world(const std::string& text) {
  if (text.size() > kFile) return tl::make_unexpected(std::string("is larger than 16 MiB"));
  const auto depth = [](int level, WorldJson::parse_event_t, WorldJson&) { return level <= kDepth; };
  const WorldJson json = WorldJson::parse(text, depth, false);
  if (!json.is_object())
    return tl::make_unexpected(
        std::string("is no JSON object: see the world file of stswatch history --world"));
  std::string complaint;
  Reader r(complaint);
  World out;
  out.now = r.get<TimePoint>(json, "", "now", kTime);
  out.domain = r.get<std::string>(json, "", "domain", kWorldText);
  r.each(json, "", "policies", [&](const WorldJson& p, const std::string& where) {
    out.policies.push_back(policy_of(r, p, where));
  });
  r.each(json, "", "ids",
         [&](const WorldJson& i, const std::string& where) { out.ids.push_back(id_of(r, i, where)); });
  out.current_policy = r.maybe<std::string>(json, "", "current_policy", kWorldText);
  out.current_id = r.maybe<std::string>(json, "", "current_id", kWorldText);
  out.policy_host_not_after = r.maybe<TimePoint>(json, "", "policy_host_not_after", kTime);
  out.policy_host_not_before = r.maybe<TimePoint>(json, "", "policy_host_not_before", kTime);
  r.each(json, "", "mx",
         [&](const WorldJson& m, const std::string& where) { out.mx.push_back(mx_of(r, m, where)); });
  if (const auto ttl = r.maybe<std::uint64_t>(json, "", "mx_ttl", kCount))
    out.mx_ttl = static_cast<std::uint32_t>(std::min<std::uint64_t>(*ttl, UINT32_MAX));
  cross_check(r, out);
  if (!complaint.empty()) return tl::make_unexpected(complaint);
  return out;
}

tl::expected<Goal, std::string> read_goal(const std::string& text) {
  if (text.size() > kFile) return tl::make_unexpected(std::string("is larger than 16 MiB"));
  const auto depth = [](int level, WorldJson::parse_event_t, WorldJson&) { return level <= kDepth; };
  const WorldJson json = WorldJson::parse(text, depth, false);
  if (!json.is_object())
    return tl::make_unexpected(std::string(
        R"(is no JSON object: give {"mx": [...] or null, "policy": {...} or null, "record": "keep"})"));
  std::string complaint;
  Reader r(complaint);
  Goal out;
  only_keys(r, json, "", {"mx", "policy", "record"});
  if (json.contains("mx") && !json["mx"].is_null()) out.mx = goal_mx(r, json);
  if (json.contains("policy") && !json["policy"].is_null()) {
    if (json["policy"].is_object())
      out.policy = goal_policy(r, json["policy"]);
    else
      r.complain("policy", "must be an object with mode, mx and max_age, or null");
  }
  const auto record = r.maybe<std::string>(json, "", "record", "keep or absent").value_or("keep");
  if (record != "keep" && record != "absent")
    r.complain("record", '"' + printable(record, 60) + "\" must be keep or absent");
  out.retire = record == "absent";
  if (!complaint.empty()) return tl::make_unexpected(complaint);
  return out;
}

nlohmann::ordered_json to_json(const World& world) {
  Ordered policies = Ordered::array(), ids = Ordered::array(), mx = Ordered::array();
  // Sights beside the bounds, where there are any: a bound is not when it happened.
  const auto add = [](Ordered& row, const char* key, const std::optional<TimePoint>& when) {
    if (when) row[key] = to_utc(*when);
  };
  for (const auto& p : world.policies) {
    policies.push_back({{"name", p.name},
                        {"mode", to_string(p.mode)},
                        {"mx", p.mx},
                        {"max_age", p.max_age},
                        {"first", to_utc(p.first)},
                        {"last_ub", to_utc(p.last_ub)}});
    add(policies.back(), "last_seen", p.last_seen);
    if (p.more > 0) policies.back().update({{"mx_more", p.more}, {"mx_digest", p.mx_digest}});
  }
  for (const auto& i : world.ids) {
    ids.push_back({{"id", i.id}, {"first", to_utc(i.first)}, {"last_ub", to_utc(i.last_ub)}, {"ttl", i.ttl}});
    add(ids.back(), "first_seen", i.sighted);
    add(ids.back(), "last_seen", i.last_seen);
  }
  for (const auto& m : world.mx) {
    Ordered addresses = Ordered::array();
    for (const auto& a : m.addresses)
      addresses.push_back(address_json(a));
    mx.push_back({{"preference", m.preference}, {"host", m.host}, {"addresses", addresses}});
  }
  return {{"now", to_utc(world.now)},
          {"domain", world.domain},
          {"policies", policies},
          {"ids", ids},
          {"current_policy", or_null(world.current_policy)},
          {"current_id", or_null(world.current_id)},
          {"policy_host_not_after", at(world.policy_host_not_after)},
          {"policy_host_not_before", at(world.policy_host_not_before)},
          {"mx", mx},
          {"mx_ttl", world.mx_ttl}};
}

nlohmann::ordered_json to_json(const Simulation& result) {
  Ordered senders = Ordered::array();
  for (const auto& s : result.senders)
    senders.push_back({{"holds", s.holds.str()},
                       {"live_until", at(s.live_until)},
                       {"refreshable", s.refreshable},
                       {"outcome", s.outcome},
                       {"hosts", s.hosts}});
  return {{"rfc", level(result.rfc)},
          {"field", level(result.field)},
          {"senders", senders},
          {"safe_after", at(result.safe_after)},
          {"status", to_string(result.status)}};
}

}  // namespace stswatch
