#include "checks/judge/policy_text_senders.h"

#include <algorithm>
#include <array>

namespace stswatch {
namespace {

constexpr std::string_view kMox = "mox", kResolver = "postfix-mta-sts-resolver", kTlspol = "postfix-tlspol",
                           kChasquid = "chasquid", kMaddy = "maddy", kKumo = "KumoMTA",
                           kStalwart = "Stalwart", kMailauth = "mailauth";

constexpr std::array kStrictGrammar = {kMox, kTlspol};
constexpr std::array kOneTxtRecord = {kMaddy};
constexpr std::array kTextPlain = {kResolver, kTlspol, kKumo, kChasquid, kMaddy};
constexpr std::array kImpatient = {kTlspol, kResolver};
constexpr std::array kSmallReader = {kChasquid};
constexpr std::array kNotFirstWins = {kResolver, kChasquid, kStalwart, kMailauth, kKumo};
constexpr std::array kGuessesMode = {kMailauth};
constexpr std::array kOwnMaxAge = {kStalwart};
constexpr std::array kMaxAgeLimit = {kChasquid, kResolver, kTlspol, kStalwart};
constexpr std::array kMaxAgeZero = {kChasquid, kStalwart};
constexpr std::array kWantMx = {kChasquid, kStalwart};

struct Entry {
  std::string_view code;
  std::span<const std::string_view> senders;
};

constexpr Entry kEntries[] = {
    {"sts-txt-id-invalid", kStrictGrammar},
    {"sts-txt-trailing-data", kStrictGrammar},
    {"sts-txt-other-records-present", kOneTxtRecord},
    {"sts-policy-content-type", kTextPlain},
    {"sts-policy-fetch-slow", kImpatient},
    {"sts-policy-too-large", kSmallReader},
    {"sts-policy-duplicate-field", kNotFirstWins},
    {"sts-policy-mode-invalid", kGuessesMode},
    {"sts-policy-max-age-invalid", kOwnMaxAge},
    {"sts-policy-max-age-too-large", kMaxAgeLimit},
    {"sts-policy-max-age-zero", kMaxAgeZero},
    {"sts-policy-nonconforming-line", kStrictGrammar},
    {"sts-policy-line-ending", kStrictGrammar},
    {"sts-policy-key-case", kStrictGrammar},
    {"sts-policy-control-characters", kStrictGrammar},
    {"sts-max-age-under-hour", kOwnMaxAge},
    {"sts-none-without-mx", kWantMx},
};

}  // namespace

std::span<const std::string_view> refused_by(std::string_view code) {
  const auto* entry = std::ranges::find(kEntries, code, &Entry::code);
  return entry == std::end(kEntries) ? std::span<const std::string_view>() : entry->senders;
}

}  // namespace stswatch
