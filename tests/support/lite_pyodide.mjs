// Runs a Python program under Pyodide: node lite_pyodide.mjs PYODIDE_FOLDER, the job as JSON on standard input.
// Job: {"files": {name: text}, "program": text}; what the program leaves in `answer` is printed as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { loadPyodide } = await import(pathToFileURL(`${process.argv[2]}/pyodide.mjs`));
const job = JSON.parse(readFileSync(0, "utf-8"));
// What a script prints goes to the user, and is no part of the answer.
const python = await loadPyodide({ stdout: () => {}, stderr: () => {} });
for (const [name, text] of Object.entries(job.files)) python.FS.writeFile(`/home/pyodide/${name}`, text);
try {
  python.runPython(job.program);
} catch (error) {
  process.stderr.write(error.message);
  process.exit(1);
}
process.stdout.write(python.runPython("import json; json.dumps(answer)"));
