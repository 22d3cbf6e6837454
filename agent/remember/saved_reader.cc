#include "agent/remember/saved_reader.h"

#include <nlohmann/json.hpp>

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
