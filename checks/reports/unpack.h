// Reports as they are packed: gzip (RFC 1952), and the zip files that some reporters send instead. What
// unfolds beyond its bound is refused while it unfolds, so that a bomb costs no more than the bound. Pure.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace stswatch::reports {

bool is_gzip(std::string_view octets);
bool is_zip(std::string_view octets);

/// All members joined (RFC 1952 §2.2), their checksums verified.
tl::expected<std::string, std::string> gunzipped(std::string_view octets, std::size_t most);

/// The one file in it that can be a report.
tl::expected<std::string, std::string> unzipped(std::string_view octets, std::size_t most);

}  // namespace stswatch::reports
