// Calls outside of captures, counted where they are made: a program that runs for hours fills no disk.
#pragma once

#include "trace_writer.h"

namespace graphcheck {

// One more call like this. `describe` is asked, for the first one only, what memory its addresses are in.
void tally(TraceWriter& trace, const TallyBlock& call, void (*describe)(Details&));

}  // namespace graphcheck
