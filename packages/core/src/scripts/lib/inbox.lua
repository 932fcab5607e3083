-- What another partition tells of jobs that depend on each other: see lib/outbox.lua. After lib/edges.lua.

local receive
do
  local kinds = {}

  kinds['end'] = function(rest, now)
    local parent, at, succeeded, children = string.match(rest, '^(%S+) (%d+) ([01]) (.+)$')
    if not parent then return end
    for child in string.gmatch(children, '%S+') do
      for _, other in ipairs(parents_of(child)) do
        if other == parent then tell_child(child, parent, at, succeeded == '1', now) end
      end
    end
  end

  function kinds.tie(rest, now, teller)
    if not string.find(rest, '^[<>]%S+ %S+ [dt]$') then return end
    outbox.put_edge(rest .. ' ' .. teller)
    retell(now)
  end

  function kinds.cut(rest, now, teller)
    outbox.take_edge(rest .. ' ' .. teller)
    retell(now)
  end

  function kinds.gone(rest, now, teller)
    local job, mark, others = string.match(rest, '^(%S+) ([<>]) (.+)$')
    if not job then return end
    for other in string.gmatch(others, '%S+') do outbox.forget_edge(other, mark, job, teller) end
    retell(now)
  end

  -- Does what a message says; of one that says nothing that is known, nothing.
  function receive(text, now, teller)
    local kind, rest = string.match(text, '^(%S+) (.+)$')
    if kinds[kind] then kinds[kind](rest, now, teller) end
  end
end
