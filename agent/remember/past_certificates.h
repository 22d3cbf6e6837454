// Certificates over time, as the set that a host shows: several nodes with keys of their own do not flap
// (RULES 5.7). Internal to the fold.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "checks/judge/past.h"

namespace stswatch {

/// Those shown now are there, absent ones end.
void fold_certificates(std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                       TimePoint now);

/// What `shown` brings that none of the certificates of the last month had; from the first look nothing.
struct Novelty {
  std::set<std::string> before, fresh;
};
Novelty novelty(const std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                std::string SeenCertificate::*of_known, std::string Certificate::*of_shown, TimePoint now);

std::string joined(const std::set<std::string>& words);
/// The first of them, and how many more there are.
std::string told(const std::set<std::string>& words);

}  // namespace stswatch
