"""Research a question from several sides."""

from .base import SlashCommandModule


class ResearchModule(SlashCommandModule):
    """Handles two names for the same thing."""

    def __init__(self):
        super().__init__("/research")
        self.priority = 10

    def can_handle(self, command, args):
        return command in ["/research", "/investigate"]

    def mutate_prompt(self, original_prompt, args):
        if not args:
            return None  # so that `execute_locally` answers
        return f"""Conduct comprehensive research on: {args}

Please provide:
1. **Overview**: what it is about
2. **Key findings**: the most important ones, with where they come from
3. **Technical details**: how it works, with examples
4. **Alternatives**: other ways, and what speaks for and against them
5. **Recommendations**: what to do next"""

    def execute_locally(self, args):
        return "Usage: /research QUESTION"


def create_module():
    return ResearchModule()
