#include <nlohmann/json.hpp>

#include "agent/remember/saved_look.h"
#include "agent/remember/saved_memory_fields.h"
#include "agent/remember/saved_reader.h"

namespace stswatch {
namespace {

using Json = nlohmann::json;
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
Read<T> read_object(const Json& json, T value) {
  Fault fault;
  Reader::get_object(json, value, Place{nullptr, "look"}, fault);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return value;
}

/// The looks at MX hosts, each under its name.
void read_mx(const Json& json, MxLooks& looks, Fault& fault) {
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

void read_mx_pasts(const Json& json, SavedLook& look, Fault& fault) {
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

void read_past(const Json& json, SavedLook& look, Fault& fault) {
  saved::WholePast past;
  Reader::get_object(json, past, {nullptr, "past"}, fault);
  look.past = std::move(past);
}

void check_envelope(const Json& json, Fault& fault) {
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
    return Json::parse(text);
  } catch (const Json::exception& e) {
    const std::string_view what = e.what();
    const auto words = what.find("] ");  // "[json.exception.parse_error.101] parse error at line 1, ..."
    return tl::make_unexpected("not JSON: " + printable(words == what.npos ? what : what.substr(words + 2)));
  }
}

Read<DomainObservation> read_domain_look(const Json& json) { return read_object(json, nameless()); }
Read<MxHostObservation> read_mx_look(const Json& json) { return read_object(json, MxHostObservation{}); }
Read<Vantage> read_vantage(const Json& json) { return read_object(json, Vantage{}); }

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

}  // namespace stswatch
