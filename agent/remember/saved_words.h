// The words that stand for closed sets in what is saved. Internal to the store.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "agent/remember/memory.h"

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

}  // namespace stswatch::saved
