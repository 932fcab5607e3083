-- What nodes hold. Each node is read as a whole at most once in a step, and only where it holds little; else it is asked for runs by name.

local held_among, is_job_held, most_of_page
local sought = 0 -- how often this step has asked a node for a run
do
  local MOST = 5000 -- times that the runs of one page are looked for in a node
  local nodes -- all that may hold runs
  local known, unread = {}, nil -- run -> node, of nodes that were read as a whole; the other nodes
  local jobs -- of which a run is held

  local function active_key(node) return arg.prefix .. 'active:' .. node end

  local function all_nodes()
    if not nodes then
      nodes = redis.call('ZRANGE', key.nodes, 0, -1)
      for _, node in ipairs(redis.call('ZRANGE', key.dead, 0, -1)) do nodes[#nodes + 1] = node end
    end
    return nodes
  end

  -- How many items make up a page at most: the more nodes there are still to look into, the fewer.
  function most_of_page() return math.max(math.floor(MOST / math.max(#(unread or all_nodes()), 1)), 10) end

  -- Looks into a node: at all that it holds, if that is `little`, else for these runs. Answers whether there was any, and whether it was read as a whole.
  local function look_into(node, runs, little, held)
    local count, any = redis.call('HLEN', active_key(node)), false
    if count <= little then
      for _, run in ipairs(count > 0 and redis.call('HKEYS', active_key(node)) or {}) do known[run] = node end
      return count > 0, true
    end
    for i, text in ipairs(redis.call('HMGET', active_key(node), unpack(runs))) do
      if text then held[runs[i]], any = node, true end
    end
    sought = sought + #runs
    return any, false
  end

  -- Of these runs, those that a node holds.
  function held_among(runs)
    local held, left, still = {}, runs, {}
    local function take_known()
      local others = {}
      for _, run in ipairs(left) do
        held[run] = held[run] or known[run]
        if not held[run] then others[#others + 1] = run end
      end
      left = others
    end
    take_known()
    local little = 2 * #left
    for _, node in ipairs(unread or all_nodes()) do
      local any, whole = false, false
      if #left > 0 then any, whole = look_into(node, left, little, held) end
      if not whole then still[#still + 1] = node end
      if any then take_known() end
    end
    unread = still
    return held
  end

  -- Whether any run of a job is held, also of one whose runs may overlap.
  function is_job_held(job)
    if not jobs then
      jobs = {}
      for _, node in ipairs(all_nodes()) do
        for _, run in ipairs(redis.call('HKEYS', active_key(node))) do jobs[job_of(run) or ''] = true end
      end
    end
    return jobs[job] or redis.call('HEXISTS', key.running, job) == 1
  end
end
