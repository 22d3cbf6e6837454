// Whether the configured resolver is at fault (RULES 5.8, vantage-resolver-blind): it is a suspect before
// any domain is. Counts looks, knows no clock: RFC 9520 lets a resolver keep a failure for five minutes, so
// that asking it again is no second proof. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "checks/facts/observation.h"

namespace stswatch {

class ResolverWatch {
 public:
  void saw(const DomainObservation& look);
  /// What one look by itself proves: the resolver fails where the zone answers, or answers for nothing at
  /// all.
  static std::string proved_by(const DomainObservation& look);
  void forget(const std::string& domain) { failing_.erase(domain); }
  /// Why it is; empty: it is not, as far as is known.
  std::string blind() const;

  /// Where it is trusted to validate (dns.trust_ad): what it says of the root, which is signed, and of a name
  /// whose signatures are wrong on purpose.
  void asked_to_validate(const AnswerFacts& root, const AnswerFacts& bogus);
  /// It was not asked: it need not validate.
  void need_not_validate() { unvalidated_ = 0; }
  /// How it shows that it does not validate (vantage-resolver-not-validating); empty: nothing speaks for it.
  std::string not_validating() const;

 private:
  enum class Proof { none, bogus, contradicted, dead };
  struct Failing {
    Proof proof = Proof::none;
    int looks = 0;            // in a row
    std::uint64_t since = 0;  // the first of them
    std::string detail{};
  };
  bool together(std::vector<std::uint64_t> since, std::size_t needed) const;
  static Proof proof_of(const DomainObservation& look, std::string& detail);

  std::map<std::string, Failing> failing_;  // by domain: those whose newest look it failed
  std::uint64_t looks_ = 0;
  int unvalidated_ = 0;  // times in a row that it showed no validation
  std::string unvalidated_by_;
  bool secure_seen_ = false;        // it has called some name secure
  std::deque<std::uint64_t> good_;  // the newest looks without a failure, kGood at most
};

}  // namespace stswatch
