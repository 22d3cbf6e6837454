// What every page refers to; all of it is served by the agent itself (the pages' policy allows nothing else).
#pragma once

#include <string_view>

namespace stswatch {

extern const std::string_view kPageStyle;   // style.css
extern const std::string_view kPageScript;  // page.js: comfort only, every page works without it
extern const std::string_view kPageIcon;    // icon.svg
inline constexpr const char* kPagePolicy =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

}  // namespace stswatch
