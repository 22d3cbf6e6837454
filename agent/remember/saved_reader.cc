#include "agent/remember/saved_reader.h"

#include <nlohmann/json.hpp>

#include "agent/remember/saved_look.h"
#include "checks/facts/text.h"

namespace stswatch::saved {
namespace {

std::string_view kind_of(simdjson::dom::element json) {
  using simdjson::dom::element_type;
  switch (json.type()) {
    case element_type::ARRAY:
      return "array";
    case element_type::OBJECT:
      return "object";
    case element_type::STRING:
      return "string";
    case element_type::BOOL:
      return "boolean";
    case element_type::NULL_VALUE:
      return "null";
    default:
      return "number";
  }
}

std::string instead(simdjson::dom::element json, std::string_view wanted) {
  return std::string(kind_of(json)) + " where " + std::string(wanted) + " belongs";
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

}  // namespace

std::string Place::str() const {
  if (up == nullptr) return std::string(key);
  auto out = up->str();
  if (key.empty()) return out + "[" + std::to_string(index) + "]";
  return out + (out.empty() ? "" : ".") + printable(key, 60);
}

Reader::Reader(Json json, const Place& place, Fault& fault) : place_(place), fault_(fault) {
  if (json.get_object().get(object_) != simdjson::SUCCESS) {
    fault.say(place, instead(json, "an object"));
    return;
  }
  next_ = object_.begin();
  end_ = object_.end();
}

std::optional<Reader::Json> Reader::find(std::string_view key) {
  if (fault_) return std::nullopt;
  if (fault_.unknown_keys_too) asked_.push_back(key);
  for (auto it = next_; it != end_; ++it) {
    if (!it.key_equals(key)) continue;
    passed_ = passed_ || it != next_;
    next_ = it;
    ++next_;
    return it.value();
  }
  Json value;
  if (passed_ && object_.at_key(key).get(value) == simdjson::SUCCESS) return value;
  return std::nullopt;
}

void Reader::finish() {
  if (fault_ || !fault_.unknown_keys_too) return;
  for (const auto& [key, _] : object_)
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end())
      return fault_.say({&place_, key}, "is no key of a saved look");
}

void Reader::get(Json json, bool& value, const Place& place) {
  if (json.get_bool().get(value) != simdjson::SUCCESS) fault_.say(place, instead(json, "true or false"));
}

std::string_view Reader::text(Json json, const Place& place) {
  std::string_view text;
  if (json.get_string().get(text) != simdjson::SUCCESS) fault_.say(place, instead(json, "a string"));
  return text;
}

/// Facts in words are printable ASCII (facts/result.h); a file that says otherwise must not reach a terminal.
void Reader::get(Json json, std::string& value, const Place& place) {
  get_octets(json, value, place);
  if (!is_printable(value)) value = printable(value, std::string::npos);
}

void Reader::get_octets(Json json, std::string& value, const Place& place) {
  std::string_view text;
  if (json.get_string().get(text) == simdjson::SUCCESS) {
    value = text;
    return;
  }
  simdjson::dom::object object;
  const bool packed = json.get_object().get(object) == simdjson::SUCCESS && object.size() == 1;
  if (!packed || object.at_key("b64").get_string().get(text) != simdjson::SUCCESS)
    return fault_.say(place, instead(json, "a string or {\"b64\": ...}"));
  auto decoded = from_base64(text);
  if (!decoded) return fault_.say({&place, "b64"}, "is no base64 (RFC 4648 section 4)");
  value = std::move(*decoded);
}

void Reader::get(Json json, Domain& value, const Place& place) {
  const auto typed = text(json, place);
  if (fault_) return;
  auto domain = Domain::parse(typed);
  if (!domain) return fault_.say(place, domain.error());
  value = std::move(*domain);
}

void Reader::get(Json json, Address& value, const Place& place) {
  const auto typed = text(json, place);
  if (fault_) return;
  const auto address = Address::parse(typed);
  if (!address) return fault_.say(place, "\"" + printable(typed, 60) + "\" is no IP address");
  value = *address;
}

void Reader::get(Json json, TimePoint& value, const Place& place) {
  const auto typed = text(json, place);
  if (fault_) return;
  const auto time = parse_utc(typed);
  if (!time)
    return fault_.say(place, "\"" + printable(typed, 60) + "\" is no time: write 2026-12-01T00:00:00Z");
  value = *time;
}

void Reader::get(Json json, Millis& value, const Place& place) {
  value = Millis(whole(json, 0, kMillis, place));
}

void Reader::octets(const char* key, std::vector<std::string>& values) {
  TxtRecord list;
  if (const auto json = find(key)) get(*json, list, {&place_, key});
  values = std::move(list.strings);
}

void Reader::get(Json json, TxtRecord& value, const Place& place) {
  const auto list = elements(json, place);
  if (fault_) return;
  value.strings.reserve(list.size());
  for (const Json element : list) {
    if (fault_) return;
    const std::size_t index = value.strings.size();
    get_octets(element, value.strings.emplace_back(), {&place, {}, index});
  }
}

void Reader::get(Json json, PeerCertificates& value, const Place& place) {
  get_object(json, value, place, fault_);
  const auto none = std::find_if(value.used.begin(), value.used.end(),
                                 [&](std::size_t i) { return i >= value.chain.size(); });
  if (none != value.used.end())
    fault_.say({&place, "used"},
               std::to_string(*none) + " is no place in a chain of " + std::to_string(value.chain.size()));
}

std::int64_t Reader::whole(Json json, std::int64_t least, std::uint64_t most, const Place& place) {
  std::int64_t number = 0;
  std::uint64_t large = 0;
  if (json.is_int64()) {
    number = json.get_int64();
    if (number < 0 ? number >= least : static_cast<std::uint64_t>(number) <= most) return number;
  } else if (json.get_uint64().get(large) == simdjson::SUCCESS && large <= most) {
    return static_cast<std::int64_t>(large);
  }
  const auto seen = json.is_number() ? simdjson::minify(json) : std::string(kind_of(json));
  fault_.say(place, seen + " where a whole number from " + std::to_string(least) + " to " +
                        std::to_string(most) + " belongs");
  return least;
}

simdjson::dom::array Reader::elements(Json json, const Place& place) {
  simdjson::dom::array list;
  if (json.get_array().get(list) != simdjson::SUCCESS)
    fault_.say(place, instead(json, "an array"));
  else if (list.size() > kList)
    fault_.say(place, "more than " + std::to_string(kList) + " elements");
  return list;
}

void Reader::get(Json json, std::pair<std::string, std::string>& value, const Place& place) {
  std::vector<std::string> both;
  get(json, both, place);
  if (!fault_ && both.size() != 2) fault_.say(place, "a key and a value belong here");
  if (!fault_) value = {std::move(both[0]), std::move(both[1])};
}

simdjson::dom::object Reader::members(Json json, const Place& place) {
  simdjson::dom::object object;
  if (json.get_object().get(object) != simdjson::SUCCESS)
    fault_.say(place, instead(json, "an object"));
  else if (object.size() > kList)
    fault_.say(place, "more than " + std::to_string(kList) + " members");
  return object;
}

}  // namespace stswatch::saved

namespace stswatch {
namespace {

using SavedElement = simdjson::dom::element;
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

SavedElement root_of(const SavedJson& json) { return (*json).parsed.root(); }

template <class T>
tl::expected<void, std::string> read_into(const SavedJson& json, T& value, std::string_view what) {
  saved::Fault fault;
  saved::Reader::get_object(root_of(json), value, saved::Place{nullptr, what}, fault);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return {};
}

template <class T>
void read_array(std::string_view text, T& values, const saved::Place& place, saved::Fault& fault) {
  const auto json = parse_saved(text);
  if (!json) return fault.say(place, json.error());
  saved::Reader::get_list(root_of(*json), values, place, fault);
}

template <class T>
Read<T> read_object(const SavedJson& json, T value) {
  Fault fault;
  Reader::get_object(root_of(json), value, Place{nullptr, "look"}, fault);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return value;
}

/// The looks at MX hosts, each under its name.
void read_mx(SavedElement json, MxLooks& looks, Fault& fault) {
  const Place mx{nullptr, "mx"};
  simdjson::dom::array list;
  if (json.get_array().get(list) != simdjson::SUCCESS) return fault.say(mx, "an array of looks belongs here");
  std::size_t index = 0;
  for (const SavedElement element : list) {
    const Place here{&mx, {}, index++};
    MxHostObservation look;
    Reader::get_object(element, look, here, fault);
    const auto host = look.host;
    if (!looks.emplace(host, std::make_shared<const MxHostObservation>(std::move(look))).second)
      fault.say({&here, "host"}, "\"" + printable(host, 60) + "\" is there already");
    if (fault) return;
  }
}

void read_mx_pasts(SavedElement json, SavedLook& look, Fault& fault) {
  const Place pasts{nullptr, "mx_pasts"};
  simdjson::dom::object hosts;
  if (json.get_object().get(hosts) != simdjson::SUCCESS)
    return fault.say(pasts, "an object of hosts belongs here");
  for (const auto& [host, past] : hosts) {
    HostPast value;
    Reader::get_object(past, value, {&pasts, host}, fault);
    if (fault) return;
    look.mx_pasts.emplace(printable(host, std::string::npos),
                          std::make_shared<const HostPast>(std::move(value)));
  }
}

void read_past(SavedElement json, SavedLook& look, Fault& fault) {
  saved::WholePast past;
  Reader::get_object(json, past, {nullptr, "past"}, fault);
  look.past = std::move(past);
}

std::optional<SavedElement> member(SavedElement object, std::string_view key) {
  SavedElement value;
  if (object.at_key(key).get(value) == simdjson::SUCCESS) return value;
  return std::nullopt;
}

void check_envelope(SavedElement json, Fault& fault) {
  const auto version = member(json, kVersionKey);
  if (!version) return fault.say({nullptr, kVersionKey}, "is missing: this is no saved look");
  std::int64_t number = 0;
  if (version->get_int64().get(number) != simdjson::SUCCESS || number != kVersion)
    return fault.say({nullptr, kVersionKey}, printable(simdjson::minify(*version), 20) +
                                                 " was written by another version: this one reads 1");
  if (!member(json, "domain")) return fault.say({nullptr, "domain"}, "is missing");
  constexpr std::array<std::string_view, 6> kKeys{kVersionKey, "domain", "mx", "vantage", "past", "mx_pasts"};
  for (const auto& [key, _] : simdjson::dom::object(json))
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      return fault.say({nullptr, printable(key, 60)}, "is no key of a saved look");
}

/// Why a text could not be parsed.
std::string no_json(std::string_view text, simdjson::error_code error) {
  if (depth_of(text) > kSavedDepth)
    return "nested deeper than " + std::to_string(kSavedDepth) + " levels: no look is";
  try {  // whose words have line and column
    const auto parsed = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    const std::string_view what = e.what();
    const auto words = what.find("] ");  // "[json.exception.parse_error.101] parse error at line 1, ..."
    return "not JSON: " + printable(words == what.npos ? what : what.substr(words + 2));
  }
  return "not JSON: " + printable(simdjson::error_message(error));
}

}  // namespace

SavedJson::SavedJson(std::unique_ptr<const Document> document) : document_(std::move(document)) {}
SavedJson::SavedJson(SavedJson&&) noexcept = default;
SavedJson& SavedJson::operator=(SavedJson&&) noexcept = default;
SavedJson::~SavedJson() = default;

Read<SavedJson> parse_saved(std::string_view text) {
  constexpr std::size_t kUsualText = 1U << 20U;
  if (text.size() > kSavedText)
    return tl::make_unexpected("larger than " + std::to_string(kSavedText >> 20U) + " MiB: no look is");
  thread_local std::optional<simdjson::dom::parser> kept;  // what it needs besides is a multiple of the text
  if (!kept) kept.emplace();
  auto document = std::make_unique<SavedJson::Document>();
  auto error = kept->capacity() == 0 ? kept->allocate(4096, kSavedDepth + 1) : simdjson::SUCCESS;
  if (error == simdjson::SUCCESS)
    error = kept->parse_into_document(document->parsed, text.data(), text.size(), true).error();
  if (text.size() > kUsualText) kept.reset();
  if (error != simdjson::SUCCESS) return tl::make_unexpected(no_json(text, error));
  return SavedJson(std::move(document));
}

Read<DomainObservation> read_domain_look(const SavedJson& json) { return read_object(json, nameless()); }
Read<MxHostObservation> read_mx_look(const SavedJson& json) { return read_object(json, MxHostObservation{}); }
Read<Vantage> read_vantage(const SavedJson& json) { return read_object(json, Vantage{}); }

Read<SavedLook> read_saved_look(std::string_view text) {
  const auto saved = parse_saved(text);
  if (!saved) return tl::make_unexpected(saved.error());
  const auto json = root_of(*saved);
  Fault fault{.unknown_keys_too = true};
  SavedLook look(nameless());
  check_envelope(json, fault);
  const auto read = [&](std::string_view key, auto&& into) {
    if (const auto part = fault ? std::nullopt : member(json, key)) into(*part);
  };
  read("domain", [&](SavedElement part) {
    Reader::get_object(part, look.domain, {nullptr, "domain"}, fault);
  });
  read("mx", [&](SavedElement part) { read_mx(part, look.mx, fault); });
  read("vantage", [&](SavedElement part) {
    Reader::get_object(part, look.vantage, {nullptr, "vantage"}, fault);
  });
  read("past", [&](SavedElement part) { read_past(part, look, fault); });
  read("mx_pasts", [&](SavedElement part) { read_mx_pasts(part, look, fault); });
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

Read<Incident> read_incident(const SavedJson& json) {
  Incident incident;
  const auto read = read_into(json, incident, "incident");
  if (!read) return tl::make_unexpected(read.error());
  return incident;
}

namespace {

/// A state of an older store holds the moments too.
template <class Record>
tl::expected<void, std::string> lay_state(const SavedJson& json, Record& record) {
  saved::Lasting<Record> lasting{&record};
  saved::Moments<Record> moments{&record, nullptr};
  auto read = read_into(json, lasting, "state");
  return read ? read_into(json, moments, "state") : read;
}

}  // namespace

tl::expected<void, std::string> read_state(const SavedJson& json, DomainMemory& record) {
  return lay_state(json, record);
}
tl::expected<void, std::string> read_state(const SavedJson& json, MxMemory& record) {
  return lay_state(json, record);
}

tl::expected<void, std::string> read_moments(const SavedJson& json, DomainMemory& record,
                                             LookTimesByRole& looks) {
  saved::Moments<DomainMemory> moments{&record, &looks};
  return read_into(json, moments, "moments");
}
tl::expected<void, std::string> read_moments(const SavedJson& json, MxMemory& record,
                                             LookTimesByRole& looks) {
  saved::Moments<MxMemory> moments{&record, &looks};
  return read_into(json, moments, "moments");
}

tl::expected<void, std::string> read_look_times(const SavedJson& moments, LookTimesByRole& looks) {
  Fault fault;
  const Place place{nullptr, "moments"};
  Reader(root_of(moments), place, fault)("looks", looks);
  if (fault) return tl::make_unexpected(std::move(fault.text));
  return {};
}

}  // namespace stswatch
