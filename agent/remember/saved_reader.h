// Fills facts from JSON that nobody vouches for: the first fault is kept, with its place, and nothing more is
// read. And the words that stand for closed sets in what is saved, for readers and writers. Internal to the
// store.
#pragma once

#include <simdjson.h>
#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "agent/remember/saved_look.h"
#include "agent/remember/saved_memory_fields.h"
#include "checks/facts/text.h"

namespace stswatch::saved {

template <class E>
struct Words;

template <>
struct Words<Lookup> {
  static constexpr std::array<std::pair<Lookup, std::string_view>, 3> kAll{
      {{Lookup::unknown, "unknown"}, {Lookup::absent, "absent"}, {Lookup::found, "found"}}};
};

template <>
struct Words<SourceSaid> {
  using enum SourceSaid;
  static constexpr std::array<std::pair<SourceSaid, std::string_view>, 4> kAll{
      {{silent, "silent"}, {refused, "refused"}, {lame, "lame"}, {answered, "answered"}}};
};

template <>
struct Words<ChainFault::Kind> {
  using enum ChainFault::Kind;
  static constexpr std::array<std::pair<ChainFault::Kind, std::string_view>, 8> kAll{
      {{expired, "expired"},
       {not_yet_valid, "not_yet_valid"},
       {self_signed, "self_signed"},
       {unknown_issuer, "unknown_issuer"},
       {wrong_purpose, "wrong_purpose"},
       {weak, "weak"},
       {revoked, "revoked"},
       {other, "other"}}};
};

/// For sets whose to_string() is in the facts: every value from the first to the last.
template <class E, E kLast>
struct Named {
  static constexpr std::size_t kCount = static_cast<std::size_t>(kLast) + 1;
  inline static const std::array<std::pair<E, std::string_view>, kCount> kAll = [] {
    std::array<std::pair<E, std::string_view>, kCount> all;
    for (std::size_t i = 0; i < kCount; ++i)
      all[i] = {static_cast<E>(i), to_string(static_cast<E>(i))};
    return all;
  }();
};

template <>
struct Words<Stage> : Named<Stage, Stage::body> {};
template <>
struct Words<Cause> : Named<Cause, Cause::cancelled> {};
template <>
struct Words<Mode> : Named<Mode, Mode::enforce> {};
template <>
struct Words<Severity> : Named<Severity, Severity::critical> {};
template <>
struct Words<Route> : Named<Route, Route::page> {};
template <>
struct Words<Part> : Named<Part, Part::tlsrpt_record> {};
template <>
struct Words<Transition::Kind> : Named<Transition::Kind, Transition::Kind::closed> {};

/// Where in the document a reader is; lives on the stack of the readers above it.
struct Place {
  const Place* up = nullptr;
  std::string_view key{};
  std::size_t index = 0;  // counts when `key` is empty
  std::string str() const;
};

/// The first thing found wrong in a document, and how strictly it is read.
struct Fault {
  bool unknown_keys_too = false;
  std::string text{};
  explicit operator bool() const { return !text.empty(); }
  void say(const Place& place, const std::string& what) {
    if (text.empty()) text = place.str() + ": " + what;
  }
};

class Reader {
 public:
  using Json = simdjson::dom::element;
  static constexpr bool kWrites = false;
  static constexpr std::size_t kList = 10'000;          // a DNS answer of 64 KiB holds fewer records
  static constexpr std::int64_t kMillis = 604'800'000;  // no look takes a week

  Reader(Json object, const Place& place, Fault& fault);
  ~Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  template <class F>
  void operator()(const char* key, F& value) {
    if (const auto json = find(key)) get(*json, value, {&place_, key});
  }
  template <class F>
  void always(const char* key, F& value) {
    const auto json = find(key);
    if (!json) return fault_.say({&place_, key}, "is missing");
    get(*json, value, {&place_, key});
  }
  void octets(const char* key, std::string& value) {
    if (const auto json = find(key)) get_octets(*json, value, {&place_, key});
  }
  void octets(const char* key, std::vector<std::string>& values);
  /// Call last: complains of keys that nobody asked for, where that is wanted.
  void finish();

  template <class F>
  static void get_object(Json json, F& value, const Place& place, Fault& fault) {
    Reader inner(json, place, fault);
    describe(inner, value);
    inner.finish();
  }
  template <class F>
  static void get_list(Json json, F& values, const Place& place, Fault& fault) {
    Reader(place, fault).get(json, values, place);
  }

 private:
  Reader(const Place& place, Fault& fault) : place_(place), fault_(fault) {}
  std::optional<Json> find(std::string_view key);

  template <class F>
  void get(Json json, F& value, const Place& place) {
    if constexpr (requires { Words<F>::kAll; }) {
      get_word(json, value, place);
    } else if constexpr (std::is_integral_v<F>) {
      value =
          static_cast<F>(whole(json, std::numeric_limits<F>::min(), std::numeric_limits<F>::max(), place));
    } else {
      get_object(json, value, place, fault_);
    }
  }
  template <class E>
  void get_word(Json json, E& value, const Place& place);
  template <class F>
  void get(Json json, std::optional<F>& value, const Place& place) {
    get(json, value.emplace(), place);
  }
  template <class F>
  void get(Json json, Shared<F>& value, const Place& place) {
    F read{};
    get(json, read, place);
    value = Shared<F>(std::move(read));
  }
  template <class F>
  void get(Json json, SharedList<F>& values, const Place& place) {
    std::vector<F> read;
    get(json, read, place);
    values = std::move(read);
  }
  template <class F>
  void get(Json json, std::vector<F>& values, const Place& place);
  template <class K, class F>
  void get(Json json, std::map<K, F>& values, const Place& place);
  void get(Json json, std::pair<std::string, std::string>& value, const Place& place);
  void get(Json json, bool& value, const Place& place);
  void get(Json json, std::string& value, const Place& place);
  void get(Json json, Domain& value, const Place& place);
  void get(Json json, Address& value, const Place& place);
  void get(Json json, TimePoint& value, const Place& place);
  void get(Json json, Millis& value, const Place& place);
  void get(Json json, TxtRecord& value, const Place& place);
  void get(Json json, PeerCertificates& value, const Place& place);
  void get_octets(Json json, std::string& value, const Place& place);
  std::string_view text(Json json, const Place& place);  // of a word, which needs no base64
  std::int64_t whole(Json json, std::int64_t least, std::uint64_t most, const Place& place);
  simdjson::dom::array elements(Json json, const Place& place);  // a fault: not to be touched
  simdjson::dom::object members(Json json, const Place& place);  // so too
  template <class E>
  void word(std::string_view typed, E& value, const Place& place);
  static void word(std::string_view typed, std::string& value, const Place&) { value = typed; }

  simdjson::dom::object object_;
  simdjson::dom::object::iterator next_, end_;  // keys are asked for in the order in which they were written
  bool passed_ = false;                         // some were not: those before `next_` may be meant too
  const Place& place_;
  Fault& fault_;
  std::vector<std::string_view> asked_;  // where unknown keys are told
};

template <class E>
void Reader::get_word(Json json, E& value, const Place& place) {
  const auto typed = text(json, place);
  if (!fault_) word(typed, value, place);
}

template <class E>
void Reader::word(std::string_view typed, E& value, const Place& place) {
  const auto& all = Words<E>::kAll;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& w) { return w.second == typed; });
  if (found != all.end()) {
    value = found->first;
    return;
  }
  std::string known;
  for (const auto& [_, word] : all)
    text::add(known, ", ", word);
  fault_.say(place, "\"" + printable(typed, 60) + "\" is none of " + known);
}

template <class F>
void Reader::get(Json json, std::vector<F>& values, const Place& place) {
  const auto list = elements(json, place);
  if (fault_) return;
  values.reserve(list.size());
  for (const Json element : list) {
    if (fault_) return;
    const std::size_t index = values.size();
    get(element, values.emplace_back(), {&place, {}, index});
  }
}

template <class K, class F>
void Reader::get(Json json, std::map<K, F>& values, const Place& place) {
  const auto object = members(json, place);
  if (fault_) return;
  for (const auto& [typed, member] : object) {
    const Place here{&place, typed};
    K key{};
    word(typed, key, here);
    if (fault_) return;
    const auto [it, fresh] = values.try_emplace(std::move(key));
    if (!fresh) return fault_.say(here, "is there already");
    get(member, it->second, here);
    if (fault_) return;
  }
}

}  // namespace stswatch::saved

namespace stswatch {

struct SavedJson::Document {
  simdjson::dom::document parsed;
};

}  // namespace stswatch
