// The worker for JavaScript: one command of the user's, alone in a node of its own. See worker_text in __init__.py.
'use strict';

const RESULT_BYTES = 60000;

// How node says that a file is an ES module, in the words of its versions 18 to 24.
const IS_MODULE = /import statement outside|Unexpected token 'export'|import\.meta|await is only valid/;

function main(request) {
  const { path, mark, raw } = request;
  const source = request.source.replace(/^\uFEFF/, '').replace(/^#!.*/, '');
  const write = process.stdout.write.bind(process.stdout);
  // What the user's code prints is for people, and not part of the result.
  process.stdout.write = process.stderr.write.bind(process.stderr);
  process.env.CODEX_PLUS_ARGUMENTS = raw;

  let done = false;
  const finish = (answer) => {
    if (done) return;
    done = true;
    let line = `\n\x1e${mark}${JSON.stringify(answer)}\n`;
    const length = Buffer.byteLength(line);
    if (length > RESULT_BYTES) {
      const error = `returned ${length} bytes; at most ${RESULT_BYTES} are taken`;
      line = `\n\x1e${mark}${JSON.stringify({ error })}\n`;
    }
    // A timer or a connection that is still open must not keep the user waiting.
    write(line, () => process.exit(0));
  };
  const fail = (error) => finish(describe(error, path, source));
  process.on('uncaughtException', fail);
  load(source, path)
    .then(async (exported) => {
      const command = typeof exported === 'function' ? exported : exported && exported.default;
      if (typeof command !== 'function') {
        const error = `exports ${kind(exported)}; export a function: module.exports = (args) => …`;
        return finish({ error });
      }
      return finish(result(await command(request.args)));
    })
    .catch(fail);
}

async function load(source, path) {
  if (path.endsWith('.mjs')) return loadModule(source, path);
  try {
    return loadScript(source, path);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    if (!path.endsWith('.cjs') && IS_MODULE.test(error.message)) return loadModule(source, path);
    const mended = mend(source);
    if (mended === source) throw error;
    try {
      return loadScript(mended, path);
    } catch (second) {
      // The mistake as the user wrote it, not as we would have it.
      throw second instanceof SyntaxError ? error : second;
    }
  }
}

function loadScript(source, path) {
  const Module = require('node:module');
  const { dirname } = require('node:path');
  const module = new Module(path);
  module.filename = path;
  module.paths = Module._nodeModulePaths(dirname(path));
  module._compile(source, path, 'commonjs');
  return module.exports;
}

async function loadModule(source, path) {
  // The text that was approved, without reading the file again. Relative imports have nothing to be relative to.
  const url = `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`;
  try {
    return (await import(url)).default;
  } catch (error) {
    if (error instanceof SyntaxError) findLine(source, path);
    throw error;
  }
}

// Node does not say in which line of a module the mistake is; as a script it does.
function findLine(source, path) {
  const plain = source
    .replace(/^(\s*)export\s+default\b/gm, (_, blanks) => `${blanks}0,`)
    .replace(/^(\s*)export\b/gm, '$1')
    .replace(/^\s*import\b.*$/gm, '');
  const { Script } = require('node:vm');
  void new Script(`(async () => {${plain}\n})`, { filename: path });
}

// The specification's example has an inclusion inside a template literal, !`git diff ${branch}...HEAD`, whose backticks
// end the literal. Where a file cannot be read otherwise, they are taken as they were meant.
function mend(source) {
  return source.replace(/!`([^`\n]*)`/g, '!\\`$1\\`');
}

function result(value) {
  if (typeof value === 'string') return { prompt: value };
  if (value && typeof value === 'object' && typeof value.reply === 'string') return { reply: value.reply };
  return { error: `returned ${kind(value)}; return the prompt as a string, or {reply: text}` };
}

function kind(value) {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function describe(error, path, source) {
  if (!(error instanceof Error) && !(error && error.stack)) return { error: `threw ${String(error).slice(0, 2000)}` };
  const stack = String(error.stack).replace(/data:text\/javascript;base64,[\w+/=]*/g, () => path);
  const at = stack.indexOf(`${path}:`);
  const line = at < 0 ? 0 : Number.parseInt(stack.slice(at + path.length + 1), 10) || 0;
  const code = line > 0 ? (source.split('\n')[line - 1] || '').trim().slice(0, 200) : '';
  let said = `${error.name}: ${error.message}`.slice(0, 2000);
  if (error instanceof SyntaxError && code.includes('`')) said += ' (inside a template, write a backtick as \\`)';
  return { error: said, line, code };
}
