// Undoes a content coding that nobody asked for (RFC 9110 §8.4.1: gzip, deflate), so that a policy which
// deployed senders do read is judged by its text. Bounded; no state.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace stswatch {

struct Inflated {
  std::string text;   // at most `most` octets
  bool more = false;  // there was more
};

/// Empty where the coding is not one of these, or `octets` are not the whole of one well-formed stream.
std::optional<Inflated> inflated(std::string_view coding, std::string_view octets, std::size_t most);

}  // namespace stswatch
