#include "deploy/bin/program.h"

int main(int argc, char** argv) { return stele::bin::RunProgram(argc, argv, /*faults=*/nullptr); }
