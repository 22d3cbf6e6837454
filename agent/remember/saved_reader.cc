#include "agent/remember/saved_reader.h"

#include <nlohmann/json.hpp>

#include "agent/remember/saved_look.h"
#include "checks/facts/text.h"

namespace stswatch::saved {
namespace {

std::string instead(const nlohmann::json& json, std::string_view wanted) {
  return std::string(json.type_name()) + " where " + std::string(wanted) + " belongs";
}

}  // namespace

std::string Place::str() const {
  if (up == nullptr) return std::string(key);
  auto out = up->str();
  if (key.empty()) return out + "[" + std::to_string(index) + "]";
  return out + (out.empty() ? "" : ".") + printable(key, 60);
}

Reader::Reader(const Json& object, const Place& place, Fault& fault)
    : object_(object), place_(place), fault_(fault) {
  if (!object.is_object()) fault.say(place, instead(object, "an object"));
}

const Reader::Json* Reader::find(const char* key) {
  if (fault_) return nullptr;
  asked_.emplace_back(key);
  const auto it = object_.find(key);
  return it == object_.end() ? nullptr : &*it;
}

void Reader::finish() {
  if (fault_ || !fault_.unknown_keys_too) return;
  for (const auto& [key, _] : object_.items())
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end())
      return fault_.say({&place_, key}, "is no key of a saved look");
}

void Reader::get(const Json& json, bool& value, const Place& place) {
  if (!json.is_boolean()) return fault_.say(place, instead(json, "true or false"));
  value = json.get<bool>();
}

/// Facts in words are printable ASCII (facts/result.h); a file that says otherwise must not reach a terminal.
void Reader::get(const Json& json, std::string& value, const Place& place) {
  get_octets(json, value, place);
  value = printable(value, std::string::npos);
}

void Reader::get_octets(const Json& json, std::string& value, const Place& place) {
  if (json.is_string()) {
    value = json.get_ref<const std::string&>();
    return;
  }
  const auto it = json.is_object() && json.size() == 1 ? json.find("b64") : json.end();
  if (it == json.end() || !it->is_string())
    return fault_.say(place, instead(json, "a string or {\"b64\": ...}"));
  auto decoded = from_base64(it->get_ref<const std::string&>());
  if (!decoded) return fault_.say({&place, "b64"}, "is no base64 (RFC 4648 section 4)");
  value = std::move(*decoded);
}

void Reader::get(const Json& json, Domain& value, const Place& place) {
  std::string typed;
  get(json, typed, place);
  if (fault_) return;
  auto domain = Domain::parse(typed);
  if (!domain) return fault_.say(place, domain.error());
  value = std::move(*domain);
}

void Reader::get(const Json& json, Address& value, const Place& place) {
  std::string typed;
  get(json, typed, place);
  if (fault_) return;
  const auto address = Address::parse(typed);
  if (!address) return fault_.say(place, "\"" + printable(typed, 60) + "\" is no IP address");
  value = *address;
}

void Reader::get(const Json& json, TimePoint& value, const Place& place) {
  std::string typed;
  get(json, typed, place);
  if (fault_) return;
  const auto time = parse_utc(typed);
  if (!time)
    return fault_.say(place, "\"" + printable(typed, 60) + "\" is no time: write 2026-12-01T00:00:00Z");
  value = *time;
}

void Reader::get(const Json& json, Millis& value, const Place& place) {
  value = Millis(whole(json, 0, kMillis, place));
}

void Reader::octets(const char* key, std::vector<std::string>& values) {
  TxtRecord list;
  if (const Json* json = find(key)) get(*json, list, {&place_, key});
  values = std::move(list.strings);
}

void Reader::get(const Json& json, TxtRecord& value, const Place& place) {
  value.strings.resize(list_size(json, place));
  for (std::size_t i = 0; i < value.strings.size() && !fault_; ++i)
    get_octets(json[i], value.strings[i], {&place, {}, i});
}

void Reader::get(const Json& json, PeerCertificates& value, const Place& place) {
  get_object(json, value, place, fault_);
  const auto none = std::find_if(value.used.begin(), value.used.end(),
                                 [&](std::size_t i) { return i >= value.chain.size(); });
  if (none != value.used.end())
    fault_.say({&place, "used"},
               std::to_string(*none) + " is no place in a chain of " + std::to_string(value.chain.size()));
}

std::int64_t Reader::whole(const Json& json, std::int64_t least, std::uint64_t most, const Place& place) {
  const bool fits =
      json.is_number_integer() &&
      (json.is_number_unsigned() ? json.get<std::uint64_t>() <= most : json.get<std::int64_t>() >= least);
  if (fits) return json.get<std::int64_t>();
  const auto seen = json.is_number() ? json.dump() : std::string(json.type_name());
  fault_.say(place, seen + " where a whole number from " + std::to_string(least) + " to " +
                        std::to_string(most) + " belongs");
  return least;
}

std::size_t Reader::list_size(const Json& json, const Place& place) {
  if (!json.is_array())
    fault_.say(place, instead(json, "an array"));
  else if (json.size() > kList)
    fault_.say(place, "more than " + std::to_string(kList) + " elements");
  return fault_ ? 0 : json.size();
}

void Reader::get(const Json& json, std::pair<std::string, std::string>& value, const Place& place) {
  std::vector<std::string> both;
  get(json, both, place);
  if (!fault_ && both.size() != 2) fault_.say(place, "a key and a value belong here");
  if (!fault_) value = {std::move(both[0]), std::move(both[1])};
}

std::vector<std::string> Reader::keys(const Json& json, const Place& place) {
  std::vector<std::string> out;
  if (!json.is_object())
    fault_.say(place, instead(json, "an object"));
  else if (json.size() > kList)
    fault_.say(place, "more than " + std::to_string(kList) + " members");
  if (fault_) return out;
  for (const auto& [key, _] : json.items())
    out.push_back(key);
  return out;
}

const Reader::Json& Reader::member(const Json& object, const std::string& key) { return object.at(key); }

const Reader::Json& Reader::element(const Json& list, std::size_t index) { return list[index]; }

}  // namespace stswatch::saved

namespace stswatch {
namespace {

using SavedJson = nlohmann::json;
using saved::Fault;
using saved::Place;
using saved::Reader;

constexpr const char* kVersionKey = "stswatch_look";
constexpr int kVersion = 1;

/// Filled in by the reader, which insists on a name.
DomainObservation nameless() { return DomainObservation(*Domain::parse("nobody.invalid")); }

/// Levels of arrays and objects; a text that is no JSON gets some number.
std::size_t depth_of(std::string_view text) {
  std::size_t depth = 0, deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (quoted) continue;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return deepest;
}

template <class T>
tl::expected<void, std::string> read_into(const nlohmann::json& json, T& value, std::string_view what) {
  saved::Fault fault;
  saved::Reader::get_object(json, value, saved::Place{nullptr, what}, fault);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return {};
}

template <class T>
void read_array(std::string_view text, T& values, const saved::Place& place, saved::Fault& fault) {
  const auto json = parse_saved(text);
  if (!json) return fault.say(place, json.error());
  const nlohmann::json object{{"list", *json}};
  saved::Reader(object, place, fault).always("list", values);
}

template <class T>
Read<T> read_object(const SavedJson& json, T value) {
  Fault fault;
  Reader::get_object(json, value, Place{nullptr, "look"}, fault);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return value;
}

/// The looks at MX hosts, each under its name.
void read_mx(const SavedJson& json, MxLooks& looks, Fault& fault) {
  const Place mx{nullptr, "mx"};
  if (!json.is_array()) return fault.say(mx, "an array of looks belongs here");
  for (std::size_t i = 0; i < json.size() && !fault; ++i) {
    const Place here{&mx, {}, i};
    MxHostObservation look;
    Reader::get_object(json[i], look, here, fault);
    const auto host = look.host;
    if (!looks.emplace(host, std::make_shared<const MxHostObservation>(std::move(look))).second)
      fault.say({&here, "host"}, "\"" + printable(host, 60) + "\" is there already");
  }
}

void read_mx_pasts(const SavedJson& json, SavedLook& look, Fault& fault) {
  const Place pasts{nullptr, "mx_pasts"};
  if (!json.is_object()) return fault.say(pasts, "an object of hosts belongs here");
  for (const auto& [host, past] : json.items()) {
    HostPast value;
    Reader::get_object(past, value, {&pasts, host}, fault);
    if (fault) return;
    look.mx_pasts.emplace(printable(host, std::string::npos),
                          std::make_shared<const HostPast>(std::move(value)));
  }
}

void read_past(const SavedJson& json, SavedLook& look, Fault& fault) {
  saved::WholePast past;
  Reader::get_object(json, past, {nullptr, "past"}, fault);
  look.past = std::move(past);
}

void check_envelope(const SavedJson& json, Fault& fault) {
  if (!json.is_object() || !json.contains(kVersionKey))
    return fault.say({nullptr, kVersionKey}, "is missing: this is no saved look");
  if (json.at(kVersionKey) != kVersion)
    return fault.say({nullptr, kVersionKey}, printable(json.at(kVersionKey).dump(), 20) +
                                                 " was written by another version: this one reads 1");
  if (!json.contains("domain")) return fault.say({nullptr, "domain"}, "is missing");
  constexpr std::array<std::string_view, 6> kKeys{kVersionKey, "domain", "mx", "vantage", "past", "mx_pasts"};
  for (const auto& [key, _] : json.items())
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      return fault.say({nullptr, printable(key, 60)}, "is no key of a saved look");
}

}  // namespace

Read<nlohmann::json> parse_saved(std::string_view text) {
  if (text.size() > kSavedText)
    return tl::make_unexpected("larger than " + std::to_string(kSavedText >> 20U) + " MiB: no look is");
  if (depth_of(text) > kSavedDepth)
    return tl::make_unexpected("nested deeper than " + std::to_string(kSavedDepth) + " levels: no look is");
  try {
    return SavedJson::parse(text);
  } catch (const SavedJson::exception& e) {
    const std::string_view what = e.what();
    const auto words = what.find("] ");  // "[json.exception.parse_error.101] parse error at line 1, ..."
    return tl::make_unexpected("not JSON: " + printable(words == what.npos ? what : what.substr(words + 2)));
  }
}

Read<DomainObservation> read_domain_look(const SavedJson& json) { return read_object(json, nameless()); }
Read<MxHostObservation> read_mx_look(const SavedJson& json) { return read_object(json, MxHostObservation{}); }
Read<Vantage> read_vantage(const SavedJson& json) { return read_object(json, Vantage{}); }

Read<SavedLook> read_saved_look(std::string_view text) {
  const auto json = parse_saved(text);
  if (!json) return tl::make_unexpected(json.error());
  Fault fault{.unknown_keys_too = true};
  SavedLook look(nameless());
  check_envelope(*json, fault);
  if (!fault) Reader::get_object(json->at("domain"), look.domain, {nullptr, "domain"}, fault);
  if (!fault && json->contains("mx")) read_mx(json->at("mx"), look.mx, fault);
  if (!fault && json->contains("vantage"))
    Reader::get_object(json->at("vantage"), look.vantage, {nullptr, "vantage"}, fault);
  if (!fault && json->contains("past")) read_past(json->at("past"), look, fault);
  if (!fault && json->contains("mx_pasts")) read_mx_pasts(json->at("mx_pasts"), look, fault);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return look;
}

namespace saved {

/// As octets: what a policy said is compared with what it says now.
void read_column(std::string_view text, std::vector<std::string>& values, const Place& place, Fault& fault) {
  TxtRecord list;
  read_array(text, list, place, fault);
  values = std::move(list.strings);
}
void read_column(std::string_view text, std::vector<TimePoint>& values, const Place& place, Fault& fault) {
  read_array(text, values, place, fault);
}
void read_column(std::string_view text, std::vector<std::pair<std::string, std::string>>& values,
                 const Place& place, Fault& fault) {
  read_array(text, values, place, fault);
}

}  // namespace saved

Read<Incident> read_incident(const nlohmann::json& json) {
  Incident incident;
  const auto read = read_into(json, incident, "incident");
  if (!read) return tl::make_unexpected(read.error());
  return incident;
}

namespace {

/// A state of an older store holds the moments too.
template <class Record>
tl::expected<void, std::string> lay_state(const nlohmann::json& json, Record& record) {
  saved::Lasting<Record> lasting{&record};
  saved::Moments<Record> moments{&record, nullptr};
  auto read = read_into(json, lasting, "state");
  return read ? read_into(json, moments, "state") : read;
}

}  // namespace

tl::expected<void, std::string> read_state(const nlohmann::json& json, DomainMemory& record) {
  return lay_state(json, record);
}
tl::expected<void, std::string> read_state(const nlohmann::json& json, MxMemory& record) {
  return lay_state(json, record);
}

tl::expected<void, std::string> read_moments(const nlohmann::json& json, DomainMemory& record,
                                             LookTimesByRole& looks) {
  saved::Moments<DomainMemory> moments{&record, &looks};
  return read_into(json, moments, "moments");
}
tl::expected<void, std::string> read_moments(const nlohmann::json& json, MxMemory& record,
                                             LookTimesByRole& looks) {
  saved::Moments<MxMemory> moments{&record, &looks};
  return read_into(json, moments, "moments");
}

}  // namespace stswatch
