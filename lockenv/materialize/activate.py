"""The scripts that activate an environment in a shell; they find out themselves where they lie."""

from __future__ import annotations

_POSIX = """\
# Source this from bash, zsh, ksh or sh: . {scripts}/activate

deactivate () {{
    if [ -n "${{_OLD_VIRTUAL_PATH+set}}" ] ; then
        PATH="$_OLD_VIRTUAL_PATH"
        export PATH
        unset _OLD_VIRTUAL_PATH
    fi
    if [ -n "${{_OLD_VIRTUAL_PYTHONHOME+set}}" ] ; then
        PYTHONHOME="$_OLD_VIRTUAL_PYTHONHOME"
        export PYTHONHOME
        unset _OLD_VIRTUAL_PYTHONHOME
    fi
    if [ -n "${{_OLD_VIRTUAL_PS1+set}}" ] ; then
        PS1="$_OLD_VIRTUAL_PS1"
        export PS1
        unset _OLD_VIRTUAL_PS1
    fi
    hash -r 2> /dev/null
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    if [ "${{1-}}" != "nondestructive" ] ; then
        unset -f deactivate
    fi
}}

deactivate nondestructive

VIRTUAL_ENV={root}
if [ -n "${{BASH_SOURCE-}}" ] ; then
    VIRTUAL_ENV=$(CDPATH= cd -- "$(dirname -- "$BASH_SOURCE")/.." > /dev/null && pwd)
elif [ -n "${{ZSH_VERSION-}}" ] ; then
    VIRTUAL_ENV=$(CDPATH= cd -- "$(dirname -- "${{(%):-%x}}")/.." > /dev/null && pwd)
fi
export VIRTUAL_ENV
VIRTUAL_ENV_PROMPT={prompt}
export VIRTUAL_ENV_PROMPT

_OLD_VIRTUAL_PATH="$PATH"
PATH="$VIRTUAL_ENV/{scripts}:$PATH"
export PATH
if [ -n "${{PYTHONHOME+set}}" ] ; then
    _OLD_VIRTUAL_PYTHONHOME="$PYTHONHOME"
    unset PYTHONHOME
fi
if [ -z "${{VIRTUAL_ENV_DISABLE_PROMPT-}}" ] && [ -n "${{PS1+set}}" ] ; then
    _OLD_VIRTUAL_PS1="$PS1"
    PS1="($VIRTUAL_ENV_PROMPT) $PS1"
    export PS1
fi
hash -r 2> /dev/null
"""

_FISH = """\
# Source this from fish: source {scripts}/activate.fish

function deactivate -d "Leave the environment"
    if set -q _OLD_VIRTUAL_PATH
        set -gx PATH $_OLD_VIRTUAL_PATH
        set -e _OLD_VIRTUAL_PATH
    end
    if set -q _OLD_VIRTUAL_PYTHONHOME
        set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME
        set -e _OLD_VIRTUAL_PYTHONHOME
    end
    if set -q _OLD_FISH_PROMPT_OVERRIDE
        set -e _OLD_FISH_PROMPT_OVERRIDE
        if functions -q _old_fish_prompt
            functions -e fish_prompt
            functions -c _old_fish_prompt fish_prompt
            functions -e _old_fish_prompt
        end
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != nondestructive
        functions -e deactivate
    end
end

deactivate nondestructive

set -gx VIRTUAL_ENV (cd (dirname (status -f))/..; and pwd)
set -gx VIRTUAL_ENV_PROMPT {prompt}
set -gx _OLD_VIRTUAL_PATH $PATH
set -gx PATH "$VIRTUAL_ENV/{scripts}" $PATH
if set -q PYTHONHOME
    set -gx _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end
if not set -q VIRTUAL_ENV_DISABLE_PROMPT
    functions -c fish_prompt _old_fish_prompt
    function fish_prompt
        set -l old_status $status
        printf "(%s) " $VIRTUAL_ENV_PROMPT
        echo "exit $old_status" | .
        _old_fish_prompt
    end
    set -gx _OLD_FISH_PROMPT_OVERRIDE $VIRTUAL_ENV
end
"""

_CSH = """\
# Source this from csh or tcsh: source {scripts}/activate.csh

alias deactivate '\
test $?_OLD_VIRTUAL_PATH != 0 && setenv PATH "$_OLD_VIRTUAL_PATH" \
&& unset _OLD_VIRTUAL_PATH; rehash; \
test $?_OLD_VIRTUAL_PROMPT != 0 && set prompt="$_OLD_VIRTUAL_PROMPT" \
&& unset _OLD_VIRTUAL_PROMPT; \
unsetenv VIRTUAL_ENV; unsetenv VIRTUAL_ENV_PROMPT; \
test "\\!:*" != "nondestructive" && unalias deactivate'

deactivate nondestructive

setenv VIRTUAL_ENV {root}
setenv VIRTUAL_ENV_PROMPT {prompt}
set _OLD_VIRTUAL_PATH="$PATH"
setenv PATH "$VIRTUAL_ENV/{scripts}:$PATH"
if (! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    if ($?prompt) then
        set _OLD_VIRTUAL_PROMPT="$prompt"
        set prompt = "($VIRTUAL_ENV_PROMPT) $prompt:q"
    endif
endif
rehash
"""

_POWERSHELL = """\
# Run this from PowerShell: . {scripts}/Activate.ps1

function global:deactivate ([switch]$NonDestructive) {{
    if (Test-Path variable:_OLD_VIRTUAL_PATH) {{
        $env:PATH = $global:_OLD_VIRTUAL_PATH
        Remove-Variable _OLD_VIRTUAL_PATH -Scope Global
    }}
    if (Test-Path function:_old_virtual_prompt) {{
        $function:prompt = $function:_old_virtual_prompt
        Remove-Item function:_old_virtual_prompt
    }}
    Remove-Item env:VIRTUAL_ENV -ErrorAction SilentlyContinue
    Remove-Item env:VIRTUAL_ENV_PROMPT -ErrorAction SilentlyContinue
    if (-not $NonDestructive) {{
        Remove-Item function:deactivate -ErrorAction SilentlyContinue
    }}
}}

deactivate -NonDestructive

$env:VIRTUAL_ENV = (Resolve-Path (Join-Path $PSScriptRoot '..')).Path
$env:VIRTUAL_ENV_PROMPT = {prompt}
$global:_OLD_VIRTUAL_PATH = $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV '{scripts}') + [IO.Path]::PathSeparator + $env:PATH
if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {{
    $function:global:_old_virtual_prompt = $function:prompt
    function global:prompt {{
        Write-Host -NoNewline "($env:VIRTUAL_ENV_PROMPT) "
        _old_virtual_prompt
    }}
}}
"""

_BATCH = """\
@echo off
for %%I in ("%~dp0..") do set "VIRTUAL_ENV=%%~fI"
set "VIRTUAL_ENV_PROMPT={prompt}"
if defined _OLD_VIRTUAL_PATH set "PATH=%_OLD_VIRTUAL_PATH%"
if not defined _OLD_VIRTUAL_PATH set "_OLD_VIRTUAL_PATH=%PATH%"
set "PATH=%VIRTUAL_ENV%\\{scripts};%PATH%"
if defined VIRTUAL_ENV_DISABLE_PROMPT goto end
if not defined _OLD_VIRTUAL_PROMPT set "_OLD_VIRTUAL_PROMPT=%PROMPT%"
set "PROMPT=(%VIRTUAL_ENV_PROMPT%) %PROMPT%"
:end
"""

_BATCH_OFF = """\
@echo off
if defined _OLD_VIRTUAL_PATH set "PATH=%_OLD_VIRTUAL_PATH%"
set _OLD_VIRTUAL_PATH=
if defined _OLD_VIRTUAL_PROMPT set "PROMPT=%_OLD_VIRTUAL_PROMPT%"
set _OLD_VIRTUAL_PROMPT=
set VIRTUAL_ENV=
set VIRTUAL_ENV_PROMPT=
"""


def activation_scripts(root: str, prompt: str, scripts: str, system: str) -> dict[str, str]:
    """The text of each script by its name in the folder of scripts."""
    plain = "".join(character for character in prompt if character.isprintable())
    quoted = _quote(plain)
    texts = {
        "activate": _POSIX.format(root=_quote(root), prompt=quoted, scripts=scripts),
        "activate.fish": _FISH.format(prompt=_quote_fish(plain), scripts=scripts),
        "activate.csh": _CSH.format(
            root=_quote_csh(root), prompt=_quote_csh(plain), scripts=scripts
        ),
        "Activate.ps1": _POWERSHELL.format(
            prompt="'" + plain.replace("'", "''") + "'", scripts=scripts
        ),
    }
    if system == "win32":
        harmless = "".join(character for character in plain if character not in '"%&|<>^!')
        texts["activate.bat"] = _BATCH.format(prompt=harmless, scripts=scripts)
        texts["deactivate.bat"] = _BATCH_OFF
    return texts


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _quote_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quote_csh(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'").replace("!", "\\!") + "'"
