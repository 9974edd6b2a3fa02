const { transformSync } = require("esbuild");

module.exports = {
  process: (source, path) => transformSync(source, { format: "cjs", target: "node20", sourcefile: path }),
};
