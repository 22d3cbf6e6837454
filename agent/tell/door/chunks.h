// A chunked body as it comes in (RFC 9112 §7.1): its data within a bound, and everything beside the data
// within another. Extensions and trailers are read and dropped. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/tell/door/request_head.h"

namespace stswatch::door {

class Chunks {
 public:
  using Take = std::function<void(std::string_view)>;

  /// `most`: octets of data.
  explicit Chunks(std::size_t most) : most_(most) {}

  /// Takes what belongs to the body and hands its data on; returns how many octets that was.
  tl::expected<std::size_t, Refusal> take(std::string_view octets, const Take& data);
  bool complete() const { return part_ == Part::end; }

 private:
  enum class Part { size, data, data_end, trailers, end };
  tl::expected<std::size_t, Refusal> take_line(std::string_view octets);
  std::optional<Refusal> read_line();
  std::optional<Refusal> read_size();

  std::size_t most_;
  Part part_ = Part::size;
  std::string line_;
  std::size_t left_ = 0;                              // of this chunk
  std::size_t data_ = 0, beside_ = 0, trailers_ = 0;  // octets so far; lines of trailers
};

}  // namespace stswatch::door
