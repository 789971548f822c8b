/** Look for mistakes in what this branch changes. */
module.exports = (args) => {
  const branch = args[0] || 'main';
  if (!/^\w[\w./-]*$/.test(branch)) return { reply: `"${branch}" does not look like a branch. Usage: /analyze [branch]` };
  // Inside a template literal the backticks of an inclusion are written with a backslash.
  return `Analyze the diff for branch ${branch} and list what could go wrong, the worst first:

!\`git diff ${branch}...HEAD\``;
};

module.exports.argumentHint = '[branch]';
module.exports.allowedTools = ['Bash(git diff:*)'];
