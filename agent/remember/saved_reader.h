// Fills facts from JSON that nobody vouches for: the first fault is kept, with its place, and nothing more is
// read. And the words that stand for closed sets in what is saved, for readers and writers. Internal to the
// store.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <utility>

#include "agent/remember/saved_memory_fields.h"
#include "checks/facts/join.h"

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
  using Json = nlohmann::json;
  static constexpr bool kWrites = false;
  static constexpr std::size_t kList = 10'000;          // a DNS answer of 64 KiB holds fewer records
  static constexpr std::int64_t kMillis = 604'800'000;  // no look takes a week

  Reader(const Json& object, const Place& place, Fault& fault);
  ~Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  template <class F>
  void operator()(const char* key, F& value) {
    if (const Json* json = find(key)) get(*json, value, {&place_, key});
  }
  template <class F>
  void always(const char* key, F& value) {
    const Json* json = find(key);
    if (json == nullptr) return fault_.say({&place_, key}, "is missing");
    get(*json, value, {&place_, key});
  }
  void octets(const char* key, std::string& value) {
    if (const Json* json = find(key)) get_octets(*json, value, {&place_, key});
  }
  void octets(const char* key, std::vector<std::string>& values);
  /// Call last: complains of keys that nobody asked for, where that is wanted.
  void finish();

  template <class F>
  static void get_object(const Json& json, F& value, const Place& place, Fault& fault) {
    Reader inner(json, place, fault);
    describe(inner, value);
    inner.finish();
  }

 private:
  const Json* find(const char* key);

  template <class F>
  void get(const Json& json, F& value, const Place& place) {
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
  void get_word(const Json& json, E& value, const Place& place);
  template <class F>
  void get(const Json& json, std::optional<F>& value, const Place& place) {
    get(json, value.emplace(), place);
  }
  template <class F>
  void get(const Json& json, Shared<F>& value, const Place& place) {
    F read{};
    get(json, read, place);
    value = Shared<F>(std::move(read));
  }
  template <class F>
  void get(const Json& json, std::vector<F>& values, const Place& place);
  template <class K, class F>
  void get(const Json& json, std::map<K, F>& values, const Place& place);
  void get(const Json& json, std::pair<std::string, std::string>& value, const Place& place);
  void get(const Json& json, bool& value, const Place& place);
  void get(const Json& json, std::string& value, const Place& place);
  void get(const Json& json, Domain& value, const Place& place);
  void get(const Json& json, Address& value, const Place& place);
  void get(const Json& json, TimePoint& value, const Place& place);
  void get(const Json& json, Millis& value, const Place& place);
  void get(const Json& json, TxtRecord& value, const Place& place);
  void get(const Json& json, PeerCertificates& value, const Place& place);
  void get_octets(const Json& json, std::string& value, const Place& place);
  std::int64_t whole(const Json& json, std::int64_t least, std::uint64_t most, const Place& place);
  std::size_t list_size(const Json& json, const Place& place);  // 0 also for what is no list
  static const Json& element(const Json& list, std::size_t index);
  std::vector<std::string> keys(const Json& json, const Place& place);  // empty also for what is no object
  static const Json& member(const Json& object, const std::string& key);
  template <class E>
  void word(const std::string& typed, E& value, const Place& place);
  static void word(const std::string& typed, std::string& value, const Place&) { value = typed; }

  const Json& object_;
  const Place& place_;
  Fault& fault_;
  std::vector<std::string_view> asked_;
};

template <class E>
void Reader::get_word(const Json& json, E& value, const Place& place) {
  std::string typed;
  get(json, typed, place);
  if (!fault_) word(typed, value, place);
}

template <class E>
void Reader::word(const std::string& typed, E& value, const Place& place) {
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
void Reader::get(const Json& json, std::vector<F>& values, const Place& place) {
  const std::size_t size = list_size(json, place);
  values.reserve(size);
  for (std::size_t i = 0; i < size && !fault_; ++i)
    get(element(json, i), values.emplace_back(), {&place, {}, i});
}

template <class K, class F>
void Reader::get(const Json& json, std::map<K, F>& values, const Place& place) {
  for (const auto& typed : keys(json, place)) {
    if (fault_) return;
    const Place here{&place, typed};
    K key{};
    word(typed, key, here);
    if (!fault_) get(member(json, typed), values[key], here);
  }
}

}  // namespace stswatch::saved
